"""Runs the training loop: evaluate, checkpoint, mine, train, epoch after epoch."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

from biencoder.arrays import Ints
from biencoder.config import Config
from biencoder.data.batches import Batch, epoch_batches, make_batch
from biencoder.data.corpus import Split
from biencoder.data.prefetch import one_ahead
from biencoder.data.tokens import Tokens
from biencoder.errors import NotFiniteError, RunError
from biencoder.model.losses import Loss
from biencoder.retrieval.ranking import Ranking
from biencoder.runtime import console, distributed
from biencoder.runtime.console import percentages, say
from biencoder.runtime.signals import Interrupted, Interruption
from biencoder.storage import events
from biencoder.storage.run_log import RunLog
from biencoder.training.evaluation import Evaluator
from biencoder.training.gradient_cache import cached_gradients
from biencoder.training.messages import progress_note
from biencoder.training.negatives import hard_ratio_at, mine
from biencoder.training.objective import Gradients, Objective, backward, plain_gradients
from biencoder.training.optimizer import average, set_learning_rates
from biencoder.training.state import TrainingState
from biencoder.training.throughput import Rates, Throughput


@dataclass
class Trainer:
    """Trains the model of `state` on `split`; `save` writes a checkpoint, the best one or not."""

    config: Config
    split: Split
    tokens: Tokens
    state: TrainingState
    evaluator: Evaluator
    device: torch.device
    log: RunLog
    interruption: Interruption
    save: Callable[[bool], None]
    #: The pretrained encoder's parameters, in its order.
    pretrained: Sequence[Tensor]
    #: Whether a batch is encoded twice, so that its graph need not be held: `gradient_cache.py`.
    gradient_cache: bool
    #: When the last line about an epoch was printed, or the trainer was made.
    last_line: float = field(default_factory=time.monotonic)
    throughput: Throughput = field(init=False)
    #: The pairs of each step since the last check, and its loss and gradient in one number.
    unchecked: list[tuple[Ints, Tensor]] = field(default_factory=list)

    @property
    def steps_per_epoch(self) -> int:
        return -(-len(self.split) // self.config.batch_size)

    @property
    def is_between_epochs(self) -> bool:
        progress = self.state.progress
        return progress.step == progress.epoch * self.steps_per_epoch

    def fit(self) -> None:
        """Run the epochs that are left.

        Evaluating comes before training in the loop, so neither the evaluation before the first
        epoch nor the one after the last is a special case. A signal leaves a checkpoint, unless
        a step since the last check was not finite.
        """
        config, progress = self.config, self.state.progress
        model = self.state.model
        objective = Objective(model, config, progress.margin or 0.0)
        if self.gradient_cache:
            gradients = cached_gradients(objective)
        else:
            one_text = self.tokens.batch(np.zeros(1, np.int64), self.device)
            all_used = distributed.world_size() == 1 or objective.uses_all_parameters(one_text)
            parallel = distributed.data_parallel(objective, self.device, all_used=all_used)
            gradients = plain_gradients(parallel)
        try:
            self.throughput = Throughput(model.encoder, self.device, model.precision)
            while True:
                if self.is_between_epochs:  # else taken up again in the middle of one
                    self.begin_epoch()
                if progress.epoch == config.epochs:
                    return
                self.train_epoch(gradients)
        except Interrupted:
            with self.interruption.held_silently():
                if self.unchecked:
                    self.all_finite(progress.step)
                self.save(False)
            raise
        except NotFiniteError as error:
            raise RunError(
                f"{error} after step {progress.step} (epoch {progress.epoch}); a lower --lr often "
                "helps"
            ) from None

    def begin_epoch(self) -> None:
        """Evaluate, checkpoint and mine, as far as that is due and not yet done in this epoch."""
        config, progress = self.config, self.state.progress
        epoch = progress.epoch
        is_last = epoch == config.epochs
        ranking = None
        if progress.stage == "trained":
            figures = None
            if is_last or epoch % config.eval_every == 0:
                figures, rankings = self.evaluate()
                ranking = rankings["training"]
                if epoch and is_last:
                    # Like with like: the untrained encoder's figures are without hubness.
                    if figures["validation"]["head_top1"] < progress.untrained["validation"]:
                        message = "the run ends below the untrained encoder on validation"
                        self.warn(message, "a lower --lr or fewer --epochs may help")
            with self.interruption.held():
                is_best = figures is not None and progress.best.update(epoch, figures)
                progress.stage = "evaluated"
                # Unless evaluated, it was saved at the end of the epoch as it is.
                if is_best or (figures is not None and self.checkpoint_is_due(epoch)):
                    self.save(is_best)
        if progress.stage == "evaluated" and not is_last:
            if config.triplet_weight and epoch % config.mine_every == 0:
                self.mine(ranking)
            else:
                progress.stage = "mined"  # with the negatives of an earlier epoch, or none

    def checkpoint_is_due(self, epoch: int) -> bool:
        return epoch == self.config.epochs or self.config.checkpoints_at(epoch=epoch)

    def evaluate(self) -> tuple[dict[str, dict[str, float]], dict[str, Ranking]]:
        """Evaluate and print; returns (figures, ranking) of each split by its name.

        Within an epoch validation alone, by which convergence is measured: the other splits would
        take three quarters of the time.
        """
        progress, data = self.state.progress, self.evaluator.data
        splits = data.splits if self.is_between_epochs else [data.validation]
        figures, rankings = self.evaluator.evaluate(progress, splits)
        top1 = {split: of_split["top1"] for split, of_split in figures.items()}
        within = "" if self.is_between_epochs else f", step {progress.step}"
        seconds = time.monotonic() - self.last_line
        self.last_line += seconds
        epoch = f"epoch {progress.epoch}/{self.config.epochs}{within}"
        say(f"{epoch}: top-1 {percentages(top1)}  ({seconds:.0f} s)")
        return figures, rankings

    def mine(self, ranking: Ranking | None) -> None:
        """Mine a new negative for every pair; a ranking made for evaluation spares a search."""
        clock = time.monotonic()
        config, state, epoch = self.config, self.state, self.state.progress.epoch
        sim = self.evaluator.embedded("training").sim
        if float((sim.amax(0) - sim.amin(0)).max()) <= 1e-6 * float(sim.abs().max()):
            message = "the similarity embeddings have collapsed: all distances are equal"
            self.warn(message, "went on")
        mined = mine(
            self.split,
            sim,
            hard_ratio_at(epoch, config.hard_ratio_start, config.hard_ratio_step),
            config.seed,
            epoch,
            config.neighbors,
            ranking.candidates if ranking else None,
        )
        if np.array_equal(state.negatives, mined.text_ids):
            self.warn(
                "no negative changed since they were last mined", "went on with the same ones"
            )
        with self.interruption.held():
            seconds = time.monotonic() - clock
            self.log.write(events.Mine(epoch=epoch, **mined.figures, seconds=seconds))
            state.negatives, state.progress.stage = mined.text_ids, "mined"

    def train_epoch(self, gradients: Gradients) -> None:
        """Train on the batches of an epoch that are still to come.

        With `--on_nan=stop` raises `RunError` at the first loss or gradient that is not finite.
        """
        config, progress = self.config, self.state.progress
        model, optimizer = self.state.model, self.state.optimizer
        self.evaluator.forget()
        begin = progress.step - progress.epoch * self.steps_per_epoch
        throughput = self.throughput
        throughput.begin(time.monotonic())
        within = evaluations_within(self.steps_per_epoch, config.first_epoch_evals)
        by_debate = config.in_batch_weight > 0 or config.listwise_weight > 0
        batches = list(
            epoch_batches(
                self.split, config.batch_size, config.seed, progress.epoch, by_debate=by_debate
            )
        )
        bar = console.progress(
            f"epoch {progress.epoch + 1}/{config.epochs}", self.steps_per_epoch, "step", begin
        )
        with bar:
            for pairs, batch in one_ahead(self.make_batch, batches[begin:]):
                if progress.step in within:
                    with throughput.paused():
                        self.evaluate()
                        self.evaluator.forget()
                throughput.add(len(pairs), batch)
                with self.interruption.held():
                    loss, norm = self.backward(gradients, batch, len(pairs))
                    # Not finite where either of the two is not.
                    self.unchecked.append((pairs, loss.total + 0 * norm))
                    step = progress.step + 1
                    ends_epoch = step % self.steps_per_epoch == 0
                    is_logged = step % config.log_every == 0 or ends_epoch
                    is_saved = config.checkpoints_at(step=step) or (
                        # Evaluating takes long, and a crash in it would cost the epoch.
                        ends_epoch and self.checkpoint_is_due(step // self.steps_per_epoch)
                    )
                    is_checked = config.on_nan == "skip" or is_logged or is_saved or step in within
                    is_checked = is_checked or self.interruption.pending
                    if not is_checked or self.all_finite(step):  # synchronises with the device
                        optimizer.step()
                    if ends_epoch and config.pretrained_share:
                        average(model.encoder, self.pretrained, config.pretrained_share)
                    progress.step, progress.epoch = step, step // self.steps_per_epoch
                    progress.stage = "trained"
                    if is_logged:
                        rates = throughput.read()
                        logged = self.log_step(loss, norm, rates)
                        epochs_left = config.epochs - step / self.steps_per_epoch
                        note = progress_note(logged.loss, rates, epochs_left * len(self.split))
                        bar.set_postfix_str(note, refresh=False)
                    if is_saved:
                        self.save(False)
                bar.update()
                self.interruption.raise_if_signalled()

    def make_batch(self, pairs: Ints) -> Batch:
        """Make the batch of the given pairs and their negatives."""
        split = self.split
        texts = [split.point_ids[pairs], split.counter_ids[pairs]]
        if self.config.triplet_weight:
            texts.append(self.state.negatives[pairs])
        return make_batch(np.stack(texts), split, self.tokens, self.device)

    def backward(self, gradients: Gradients, batch: Batch, pairs: int) -> tuple[Loss, Tensor]:
        """Compute the gradients of a batch; returns its loss, detached, and the gradient's norm."""
        model, optimizer = self.state.model, self.state.optimizer
        step = self.state.progress.step
        optimizer.zero_grad(set_to_none=True)
        set_learning_rates(
            optimizer, self.config, step / (self.config.epochs * self.steps_per_epoch)
        )
        loss = backward(gradients, batch, pairs)
        norm = get_total_norm(p.grad for p in model.parameters() if p.grad is not None)
        return loss, norm

    def log_step(self, loss: Loss, norm: Tensor, rates: Rates) -> events.Step:
        """Log the step that was just done; reading the loss synchronises with the device, once."""
        step = self.state.progress.step
        total, triplet, positive, negative, in_batch, listwise, grad_norm = torch.stack(
            [*loss, norm]
        ).tolist()
        event = events.Step(
            epoch=(step - 1) // self.steps_per_epoch,
            step=step,
            loss=total,
            triplet_loss=triplet,
            positive_loss=positive,
            negative_loss=negative,
            in_batch_loss=in_batch,
            listwise_loss=listwise,
            lr=self.state.optimizer.param_groups[0]["lr"],
            grad_norm=grad_norm,
            **vars(rates),
        )
        self.log.write(event)
        return event

    def all_finite(self, last_step: int) -> bool:
        """Check the loss and gradient of every step since the last check.

        Where one is not finite, a warning names the step and its pairs; with `--on_nan=stop` raises
        `RunError`.
        """
        finite = torch.isfinite(torch.stack([value for _, value in self.unchecked])).tolist()
        culprits = [row for row, is_finite in enumerate(finite) if not is_finite]
        if culprits:
            step = last_step - len(self.unchecked) + 1 + culprits[0]
            message = f"the loss or its gradient is not finite at step {step}"
            pair_ids = [self.split.pair_ids[pair] for pair in self.unchecked[culprits[0]][0]]
            stops = self.config.on_nan == "stop"
            action = "stopped" if stops else "skipped the step"
            self.warn(message, action, step=step, pair_ids=pair_ids)
            if stops:
                raise RunError(
                    f"{message} (epoch {self.state.progress.epoch}); a lower --lr often helps, "
                    "--on_nan=skip leaves such steps out"
                )
        self.unchecked.clear()
        return not culprits

    def warn(self, message: str, action: str, **details: Any) -> None:
        """Log a warning of this point of the run, and print it."""
        self.log.warn(self.state.progress, message, action, **details)


def evaluations_within(steps: int, count: int) -> set[int]:
    """Return the steps of the first epoch after which it is evaluated: `count` evenly spaced ones
    without the last, which is the evaluation at the epoch's end.
    """
    return {round(steps * number / count) for number in range(1, count)} - {0, steps}
