"""The training job, top to bottom: embed, evaluate, checkpoint, mine, train, epoch after epoch."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils import get_total_norm
from tqdm import tqdm

from biencoder import checkpoint, corpus, encoder, environment, final, predictions
from biencoder.config import Config
from biencoder.corpus import Corpus, Split
from biencoder.embedding import Embeddings, Tokens, embed
from biencoder.evaluation import metrics, rank
from biencoder.export import export
from biencoder.loss import Loss, total_loss
from biencoder.model import BiEncoder, build
from biencoder.negatives import Negatives, hard_ratio_at, mine
from biencoder.runlog import RunLog, new_run_id
from commandline import RunError


@dataclass
class Best:
    """The best epoch by validation top-1, the earliest where several are equal."""

    epoch: int | None = None
    top1: dict[str, float] = field(default_factory=dict)

    def update(self, epoch: int, top1: dict[str, float]) -> bool:
        """Take over an evaluated epoch if it is better; says whether it was."""
        if self.epoch is not None and not top1["validation"] > self.top1["validation"]:
            return False
        self.epoch, self.top1 = epoch, top1
        return True


def train(config: Config) -> int:
    """Run the whole job and return its exit status: 0, or 130 where the user interrupted it.

    Raises `RunError` with one line for whatever the user can mend.
    """
    device = environment.device(config.device)
    data = corpus.load(config.data_dir, config.leaked_pairs)
    torch.manual_seed(config.seed)
    pretrained, tokenizer = encoder.load(config.encoder, config.pooling, config.max_length)
    model = build(config, pretrained).to(device)
    fresh = []
    if config.init_from is not None:
        source = checkpoint.find(config.init_from, config.checkpoint_dir)
        fresh = checkpoint.initialise(model, source)

    started = time.monotonic()
    best = Best()
    with RunLog(config.log_dir, config.run_id or new_run_id(config.variant, config.seed)) as log:
        log.write(
            "run_start",
            config=config.to_json(),
            variant=config.variant,
            corpus={split.name: split.counts for split in data.splits},
            versions=environment.versions(),
            device=environment.describe(device),
            seed=config.seed,
            parameters=sum(parameter.numel() for parameter in model.parameters()),
            git_commit=environment.git_commit(),
        )
        say(f"run {log.run_id} on {device}, log {log.path}")
        for split in data.splits:
            say(f"  {split.name}: {_describe(split)}")
        if fresh:
            log.write(
                "warning",
                message=f"{source} holds no fitting weights for: {', '.join(fresh)}",
                action="these start fresh",
            )
            say(f"  {', '.join(fresh)} start fresh: {source} holds no fitting weights")
        status, reason = "failed", None
        try:
            tokens = {
                split.name: Tokens(split.texts, tokenizer, config.max_length)
                for split in data.splits
            }
            embeddings = fit(config, data, model, tokenizer, tokens, log, best)
            finish(config, data, model, tokenizer, tokens, log, best, embeddings)
            status = "completed"
        except KeyboardInterrupt:
            status, reason = "interrupted", "interrupted from the keyboard"
        except torch.OutOfMemoryError:
            reason = "out of device memory"
            raise RunError(f"{reason}: lower --batch_size or --max_length") from None
        except BaseException as error:
            reason = f"{type(error).__name__}: {error}"
            raise
        finally:
            log.write(
                "run_end",
                status=status,
                reason=reason,
                best_epoch=best.epoch,
                top1=best.top1,
                seconds=time.monotonic() - started,
            )
    if best.epoch is not None:
        say(f"best epoch by validation: {best.epoch}, top-1 {_percentages(best.top1)}")
    return 130 if status == "interrupted" else 0


def fit(
    config: Config,
    data: Corpus,
    model: BiEncoder,
    tokenizer: Any,
    tokens: dict[str, Tokens],
    log: RunLog,
    best: Best,
) -> dict[str, Embeddings]:
    """The epochs; returns each split's embeddings after the last one.

    `best` is kept up to date so that an interrupted run can still report it. Evaluating comes
    before training in the loop, so neither the evaluation before the first epoch nor the one after
    the last is a special case.
    """
    device = next(model.parameters()).device
    optimizer = torch.optim.Adam(model.parameters(), lr=config.lr)
    negatives: Negatives | None = None
    for epoch in range(config.epochs + 1):
        is_last = epoch == config.epochs
        evaluates = is_last or epoch % config.eval_every == 0
        mines = not is_last and epoch % config.mine_every == 0

        embeddings: dict[str, Embeddings] = {}
        if evaluates:
            top1 = {}
            for split in data.splits:
                clock = time.monotonic()
                embeddings[split.name] = embed(model, tokens[split.name], device, split.name)
                figures = evaluate(split, embeddings[split.name], model, data, config)
                seconds = time.monotonic() - clock
                log.write("eval", epoch=epoch, split=split.name, **figures, seconds=seconds)
                top1[split.name] = figures["top1"]
            say(f"epoch {epoch}/{config.epochs}: top-1 {_percentages(top1)}")
            is_best = best.update(epoch, top1)
            state = {"run_id": log.run_id, "epoch": epoch, "top1": top1, "config": config.to_json()}
            path = checkpoint.save(
                config.checkpoint_dir / log.run_id, model, tokenizer, state, best=is_best
            )
            log.write("checkpoint", epoch=epoch, path=str(path), best=is_best)
        if is_last:
            return embeddings

        if mines:
            clock = time.monotonic()
            if "training" not in embeddings:
                embeddings["training"] = embed(model, tokens["training"], device, "training")
            ratio = hard_ratio_at(epoch, config.hard_ratio_start, config.hard_ratio_step)
            vectors = embeddings["training"].vectors
            negatives = mine(data.training, vectors, ratio, config.seed, epoch)
            log.write(
                "mine",
                epoch=epoch,
                **negatives.figures,
                seconds=time.monotonic() - clock,
            )
        assert negatives is not None  # epoch 0 always mines

        train_epoch(
            config, data.training, negatives, model, optimizer, tokens["training"], log, epoch
        )
    raise AssertionError("the last epoch returns")


def finish(
    config: Config,
    data: Corpus,
    model: BiEncoder,
    tokenizer: Any,
    tokens: dict[str, Tokens],
    log: RunLog,
    best: Best,
    embeddings: dict[str, Embeddings],
) -> None:
    """What the run leaves of its best epoch: pools, predictions, and the exported model.

    `embeddings` are those after the last epoch; where that is not the best, the best epoch's
    weights are taken up again and embed anew.
    """
    run_dir = config.checkpoint_dir / log.run_id
    folder = checkpoint.find(str(run_dir), config.checkpoint_dir)
    if best.epoch != config.epochs:
        checkpoint.initialise(model, folder)
        device = next(model.parameters()).device
        embeddings = {name: embed(model, tokens[name], device, name) for name in tokens}
    results = [final.evaluate(split, data, embeddings[split.name], model) for split in data.splits]
    for result in results:
        for pool, figures in result.pools.items():
            log.write("pools", epoch=best.epoch, split=result.split, pool=pool, **figures)
    predictions.write_parquet(
        [result.predictions for result in results],
        log.path.with_name(f"{log.run_id}.predictions.parquet"),
    )
    if config.trec:
        for result in results:
            predictions.write_trec(
                result.predictions, log.run_id, log.path.with_name(f"{log.run_id}.trec")
            )
    export(model, tokenizer, checkpoint.read_state(folder), run_dir)
    say(final.pool_table(results))


def train_epoch(
    config: Config,
    split: Split,
    negatives: Negatives,
    model: BiEncoder,
    optimizer: torch.optim.Optimizer,
    tokens: Tokens,
    log: RunLog,
    epoch: int,
) -> None:
    """One pass over the training pairs in an order that depends on seed and epoch alone.

    Raises `RunError` at the first loss that is not finite.
    """
    model.train()
    device = next(model.parameters()).device
    steps = -(-len(split) // config.batch_size)
    unchecked: list[Tensor] = []
    logged_at, logged_step = time.monotonic(), epoch * steps
    numbered = enumerate(batches(config, split, epoch), start=epoch * steps + 1)
    for step, pairs in tqdm(numbered, f"epoch {epoch + 1}", steps, leave=False, disable=None):
        texts = np.concatenate(
            [split.point_ids[pairs], split.counter_ids[pairs], negatives.text_ids[pairs]]
        )
        loss = triplet_step(model, *tokens.batch(texts, device), config.margin)
        optimizer.zero_grad(set_to_none=True)
        loss.total.backward()
        unchecked.append(loss.total.detach())
        is_logged = step % config.log_every == 0
        if is_logged or step == (epoch + 1) * steps:
            _check_finite(unchecked, step, epoch)  # synchronises with the device
            unchecked.clear()
        if is_logged:
            seconds = time.monotonic() - logged_at
            gradients = [p.grad for p in model.parameters() if p.grad is not None]
            log.write(
                "step",
                epoch=epoch,
                step=step,
                loss=loss.total.item(),
                triplet_loss=loss.triplet.item(),
                positive_loss=loss.positive.item(),
                negative_loss=loss.negative.item(),
                lr=config.lr,
                grad_norm=get_total_norm(gradients).item(),
                triplets_per_second=(step - logged_step) * config.batch_size / seconds,
            )
            logged_at, logged_step = time.monotonic(), step
        optimizer.step()


def batches(config: Config, split: Split, epoch: int) -> Iterator[npt.NDArray[np.int64]]:
    """The rows of an epoch's batches, B each (the last may be shorter): every pair once, in an
    order that depends on seed and epoch alone.
    """
    order = np.random.default_rng([config.seed, epoch, 0]).permutation(len(split))
    for start in range(0, len(order), config.batch_size):
        yield order[start : start + config.batch_size]


def triplet_step(model: BiEncoder, input_ids: Tensor, mask: Tensor, margin: float) -> Loss:
    """The loss of B triplets given as [3B, L]: their points, then counters, then negatives."""
    sim, h = model(input_ids, mask)
    sim_p, sim_c, sim_n = sim.chunk(3)
    h_p, h_c, h_n = h.chunk(3)
    is_counter = model.pair_logits(sim_p, h_p, sim_c, h_c)
    is_not = model.pair_logits(sim_p, h_p, sim_n, h_n)
    return total_loss(sim_p, sim_c, sim_n, is_counter, is_not, margin)


def evaluate(
    split: Split, embeddings: Embeddings, model: BiEncoder, data: Corpus, config: Config
) -> dict[str, float]:
    """The figures of an `eval` event; with leaked pairs kept also those of unseen points."""
    ranking = rank(split, embeddings, model)
    figures = metrics(ranking)
    if config.leaked_pairs == "keep":
        among_unseen = metrics(ranking, corpus.unseen(split, data.training))
        figures |= {f"{name}_unseen": among_unseen[name] for name in ("top1", "hits", "n")}
    return figures


def say(line: str) -> None:
    """Print a line for the person who watches, without tearing a progress bar."""
    tqdm.write(line)


def _check_finite(losses: list[Tensor], step: int, epoch: int) -> None:
    finite = torch.isfinite(torch.stack(losses)).tolist()
    if not all(finite):
        first = step - len(losses) + 1 + finite.index(False)
        raise RunError(
            f"the loss is not finite at step {first} (epoch {epoch}); a lower --lr often helps"
        )


def _percentages(top1: dict[str, float]) -> str:
    return "  ".join(f"{split} {share:.1%}" for split, share in top1.items())


def _describe(split: Split) -> str:
    counts = split.counts
    parts = [f"{counts['kept']:,} pairs"]
    if counts["leaked"]:
        parts.append(f"{counts['leaked']:,} dropped: a text stands in validation or test too")
    if counts["incomplete"]:
        parts.append(f"{counts['incomplete']:,} incomplete passed over")
    return "; ".join(parts)
