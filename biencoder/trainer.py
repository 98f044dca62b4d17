"""The training job, top to bottom: embed, evaluate, checkpoint, mine, train, epoch after epoch."""

import json
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm
from tqdm import tqdm

import commandline
from biencoder import (
    checkpoint,
    corpus,
    encoder,
    environment,
    final,
    identity,
    predictions,
    processes,
    untrained,
)
from biencoder.checkpoint import Progress
from biencoder.config import Config
from biencoder.corpus import Corpus, Split
from biencoder.dropout import QuickDropout
from biencoder.embedding import Embeddings, NotFiniteError, Tokens, embed, encode
from biencoder.evaluation import Ranking, metrics, rank
from biencoder.export import export
from biencoder.interruption import Interrupted, Interruption
from biencoder.loss import Loss, in_batch_loss, total_loss
from biencoder.model import BiEncoder, build
from biencoder.negatives import hard_ratio_at, mine
from biencoder.projection import start_from_principal
from biencoder.runlog import FormerRun, RunLog, find_run, new_run_id
from commandline import RunError


@dataclass
class Run:
    """All that one run works with."""

    config: Config
    data: Corpus
    model: BiEncoder
    tokenizer: Any
    tokens: dict[str, Tokens]
    optimizer: torch.optim.Adam
    device: torch.device
    run_id: str
    log: RunLog | None  # the leading process alone keeps it
    interruption: Interruption
    progress: Progress = field(default_factory=Progress)
    #: Each training pair's negative, an index into the split's texts; none before the first mine.
    negatives: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    #: The splits' embeddings by the model as it stands, as far as they were asked for. Training
    #: empties this, as does going back to the best epoch.
    embeddings: dict[str, Embeddings] = field(default_factory=dict)

    @property
    def steps_per_epoch(self) -> int:
        return -(-len(self.data.training) // self.config.batch_size)

    @property
    def at_whole_epoch(self) -> bool:
        return self.progress.step == self.progress.epoch * self.steps_per_epoch

    @property
    def folder(self) -> Path:
        """Where the run's checkpoints lie."""
        return self.config.checkpoint_dir / self.run_id

    def record(self, event: str, **fields: Any) -> None:
        """Add an event to the run log."""
        if self.log is not None:
            self.log.write(event, **fields)


def train(config: Config, interruption: Interruption) -> int:
    """Run the whole job and return its exit status: 0, or 128 + the signal that interrupted it.

    Raises `RunError` with one line for whatever the user can mend.
    """
    device = environment.device(config.device)
    with processes.joined(device):
        if processes.count() == 1:
            return train_together(config, device, interruption)
        with interruption.agreed(processes.greatest):
            return train_together(config, device, interruption)


def train_together(config: Config, device: torch.device, interruption: Interruption) -> int:
    """`train` as each of the run's processes goes through it."""
    started = time.monotonic()
    data = corpus.load(config.data_dir, config.leaked_pairs)
    pretrained, tokenizer = encoder.load(
        config.encoder, config.pooling, config.max_length, config.layers
    )
    first_stage = None
    if config.init_from and processes.leads():  # the others get its weights from this one
        first_stage = checkpoint.find(config.init_from, config.checkpoint_dir)
    decides = identity.decides(
        config,
        corpus=data.digest,
        encoder=identity.encoder_digest(pretrained, tokenizer),
        first_stage=checkpoint.digest(first_stage) if first_stage else None,
        precision=environment.precision(config.precision, device),
    )
    former, run_id = choose_run(config, decides)
    if former and former.completed:
        if processes.leads():
            checkpoint.drop_training_state(config.checkpoint_dir / run_id)
        say(f"run {run_id} is completed already; choose another --run_id for a new one")
        return 0
    if former:  # goes on in the precision that it was started in
        decides = former.start["decides"]
    corpus.check_negatives(config.data_dir, data.training)
    if processes.leads():
        check_place(config, run_id, former)
    torch.manual_seed(config.seed)
    model = build(config, pretrained, decides["precision"])
    if first_stage:
        checkpoint.first_stage(model, first_stage)  # weights that do not fit show now
    model.to(device)
    provenance = environment.provenance(device, decides["precision"], processes.count())

    opened = RunLog(config.log_dir, run_id, resumed=bool(former)) if processes.leads() else None
    with opened or nullcontext() as log:
        run = Run(
            config=config,
            data=data,
            model=model,
            tokenizer=tokenizer,
            tokens={s.name: Tokens(s.texts, tokenizer, config.max_length) for s in data.splits},
            optimizer=make_optimizer(model, config),
            device=device,
            run_id=run_id,
            log=log,
            interruption=interruption,
        )
        status = "failed"
        reason: str | None = None
        try:
            with processes.blame():
                if former:
                    resume(run, former.start, provenance)
                else:
                    start(run, decides, provenance)
                processes.take_weights_of_lead(model)
                if run.progress == Progress():
                    prepare(run, first_stage)
                fit(run)
                finish(run)
            status = "completed"
        except Interrupted as signalled:
            status, reason = "interrupted", str(signalled)
            say(f"{reason}; the same command goes on from here")
            return signalled.status
        except torch.OutOfMemoryError:
            reason = "out of device memory"
            raise RunError(f"{reason}: lower --batch_size or --max_length") from None
        except BaseException as error:
            reason = f"{type(error).__name__}: {error}"
            raise
        finally:
            with interruption.winding_up():
                run.record(
                    "run_end",
                    status=status,
                    reason=reason,
                    best_epoch=run.progress.best.epoch,
                    top1=run.progress.best.top1,
                    seconds=time.monotonic() - started,
                )
        if log is not None:
            # Only now: a run that is killed before its log says completed must find it all again.
            with interruption.winding_up():
                checkpoint.drop_training_state(run.folder)
    best, untrained = run.progress.best, run.progress.untrained
    beside = [
        f"{name} {_percent(share)} (untrained encoder {_percent(untrained[name])})"
        for name, share in best.top1.items()
    ]
    say(f"best epoch {best.epoch}: {', '.join(beside)}")
    return 0


def make_optimizer(model: BiEncoder, config: Config) -> torch.optim.Adam:
    """Adam over all parameters, in the model's order: the encoder's, then what starts fresh."""
    pretrained = list(model.encoder.parameters())
    fresh = list(model.parameters())[len(pretrained) :]
    groups = [{"params": pretrained, "lr": config.lr}, {"params": fresh, "lr": config.head_lr}]
    return torch.optim.Adam(groups, fused=True)


def choose_run(config: Config, decides: dict[str, Any]) -> tuple[FormerRun | None, str]:
    """(the run to go on with or None, the run id), as the leading process finds them."""
    former = None
    if processes.leads() and config.resume == "auto":
        free = ("precision",) if config.precision == "auto" else ()
        former = find_run(config.log_dir, decides, config.run_id, free)
    run_id = former.run_id if former else config.run_id or new_run_id(config.variant, config.seed)
    chosen = json.loads(processes.from_lead(json.dumps([former, run_id]).encode()))
    return chosen[0] and FormerRun(*chosen[0]), chosen[1]


def check_place(config: Config, run_id: str, former: FormerRun | None) -> None:
    """Raises `RunError` where a run cannot write its files, or would mix them with others'."""
    environment.check_writable(config.log_dir, config.checkpoint_dir)
    folder = config.checkpoint_dir / run_id
    is_new = not former and not (config.log_dir / f"{run_id}.jsonl").exists()
    if is_new and folder.is_dir() and any(folder.iterdir()):
        raise RunError(
            f"{folder}: holds checkpoints of another run; choose another --run_id or "
            "--checkpoint_dir, or remove it"
        )


def start(run: Run, decides: dict[str, Any], provenance: dict[str, Any]) -> None:
    """Open a new run's log with all that identifies the run."""
    config = run.config
    truncation = {name: tokens.truncation() for name, tokens in run.tokens.items()}
    run.record(
        "run_start",
        config=config.to_json(),
        decides=decides,
        identity=identity.identity(decides),
        variant=config.variant,
        corpus={split.name: split.counts for split in run.data.splits},
        truncation=truncation,
        seed=config.seed,
        parameters=sum(parameter.numel() for parameter in run.model.parameters()),
        **provenance,
    )
    shared = f", shared by {processes.count()} processes" if processes.count() > 1 else ""
    say(f"run {run.run_id} on {run.device}{shared}, log {config.log_dir / run.run_id}.jsonl")
    for split in run.data.splits:
        say(f"  {split.name}: {_describe(split, truncation[split.name], config.max_length)}")


def prepare(run: Run, first_stage: Path | None) -> None:
    """Score the untrained encoder, then let what is not pretrained begin where its vectors say, or
    all of the model where the first stage ended.
    """
    config, model, top1 = run.config, run.model, {}
    pooled = {}
    model.eval()
    for split in run.data.splits:
        clock = time.monotonic()
        tokens = run.tokens[split.name]
        vectors = encode(model.pooled, tokens, run.device, split.name, run.interruption.heed)
        found = untrained.embeddings(vectors)
        ranking = rank(split, found, untrained.NearestAlone(), config.neighbors)
        figures = figures_of(ranking, split, run)
        run.record("untrained", **figures, seconds=time.monotonic() - clock)
        pooled[split.name], top1[split.name] = vectors, figures["top1"]
    say(f"untrained encoder: top-1 {_percentages(top1)}")
    if config.init_from is None:
        start_from_principal(model, pooled["training"], config.seed)
    elif first_stage:
        weights, fresh = checkpoint.first_stage(model, first_stage)
        model.load_state_dict(weights, strict=False)
        if fresh:
            message = f"{config.init_from} holds no fitting weights for: {', '.join(fresh)}"
            warn(run, message, "these start fresh")
    processes.take_weights_of_lead(model)
    run.progress.untrained = top1
    if config.init_from is None:
        with torch.no_grad():
            run.embeddings = {name: Embeddings(*model.project(h)) for name, h in pooled.items()}


def resume(run: Run, start: dict[str, Any], provenance: dict[str, Any]) -> None:
    """Go on from the newest undamaged checkpoint, or from the start where there is none yet."""
    stored, name = read_newest(run) if processes.leads() else ({}, None)
    kept = processes.from_lead(run.progress.model_dump_json().encode())
    tensors = safetensors.torch.load(processes.from_lead(safetensors.torch.save(stored)))
    if tensors:
        run.negatives = tensors.pop("negatives").numpy()
        _restore_optimizer(run, tensors)
    progress = run.progress = Progress.model_validate_json(kept)
    place = {"epoch": progress.epoch, "step": progress.step}
    run.record("resume", **place, checkpoint=name, **provenance)
    for what, now in provenance.items():
        if (then := start.get(what)) != now:
            message = f"{what} is another than at the start of the run: {then} then, {now} now"
            warn(run, message, "went on; the last bits of the result may differ")
    say(
        f"run {run.run_id} goes on at epoch {progress.epoch}, step {progress.step} "
        "(--resume=never starts a new one)"
    )


def read_newest(run: Run) -> tuple[dict[str, Tensor], str | None]:
    """Take up the model and progress of the newest undamaged checkpoint.

    Returns its training tensors and name; {} and None where the run has to begin anew.
    """
    folder, damaged = checkpoint.newest(run.folder)
    for bad in damaged:
        warn(run, f"checkpoint {bad} is damaged", f"set aside as {bad}.damaged")
    if folder is None:
        return {}, None
    run.progress = checkpoint.read_state(folder).progress
    tensors = checkpoint.read_tensors(folder / checkpoint.TRAINING)
    checkpoint.put_weights(run.model, folder)
    return tensors, folder.name


def fit(run: Run) -> None:
    """The epochs.

    Evaluating comes before training in the loop, so neither the evaluation before the first epoch
    nor the one after the last is a special case. A signal leaves a checkpoint of where it struck.
    """
    objective = processes.data_parallel(
        Objective(run.model, run.config.margin, run.config.in_batch_weight),
        run.device,
        all_used=run.config.fusion != "only_embedding",
    )
    try:
        while True:
            begin_epoch(run)
            if run.progress.epoch == run.config.epochs:
                return
            train_epoch(run, objective)
    except Interrupted:
        with run.interruption.winding_up():
            save(run)
        raise


def begin_epoch(run: Run) -> None:
    """Evaluate, checkpoint and mine, as far as that is due and not yet done in this epoch."""
    config, progress = run.config, run.progress
    epoch = progress.epoch
    is_last = epoch == config.epochs
    ranking = None
    if not run.at_whole_epoch:
        return  # taken up again in the middle of the epoch
    if progress.stage == "trained":
        top1 = None
        if is_last or epoch % config.eval_every == 0:
            top1, ranking = evaluate_all(run)
            if is_last and top1["validation"] < progress.untrained["validation"]:
                message = "the run ends below the untrained encoder on validation"
                warn(run, message, "a lower --lr or fewer --epochs may help")
        with run.interruption.held():
            is_best = top1 is not None and progress.best.update(epoch, top1)
            progress.stage = "evaluated"
            if is_best or is_last or config.checkpoints_at(epoch=epoch):
                save(run, best=is_best)
    if progress.stage == "evaluated" and not is_last:
        if epoch % config.mine_every == 0:
            mine_negatives(run, ranking)
        else:
            progress.stage = "mined"  # with the negatives of an earlier epoch


def evaluate_all(run: Run) -> tuple[dict[str, float], Ranking]:
    """Rank and score the three splits, embedded if they are not yet: (top-1 of each, the training
    split's ranking).
    """
    progress, top1, rankings = run.progress, {}, {}
    for split in run.data.splits:
        clock = time.monotonic()
        found = embedded(run, split.name)
        rankings[split.name] = rank(split, found, run.model, run.config.neighbors)
        figures = figures_of(rankings[split.name], split, run)
        run.record("eval", **figures, seconds=time.monotonic() - clock)
        top1[split.name] = figures["top1"]
    within = "" if run.at_whole_epoch else f", step {progress.step}"
    say(f"epoch {progress.epoch}/{run.config.epochs}{within}: top-1 {_percentages(top1)}")
    return top1, rankings["training"]


def figures_of(ranking: Ranking, split: Split, run: Run) -> dict[str, Any]:
    """The fields of an `eval` event; with leaked pairs kept also the figures of unseen points."""
    place = {"epoch": run.progress.epoch, "step": run.progress.step, "split": split.name}
    figures = place | metrics(ranking)
    if run.config.leaked_pairs == "keep":
        among_unseen = metrics(ranking, corpus.unseen(split, run.data.training))
        figures |= {f"{name}_unseen": among_unseen[name] for name in ("top1", "hits", "n")}
    return figures


def mine_negatives(run: Run, ranking: Ranking | None) -> None:
    """Give every training pair a new negative, from the training split's embeddings and, where it
    was made for its evaluation, its ranking.
    """
    clock = time.monotonic()
    config, epoch = run.config, run.progress.epoch
    sim = embedded(run, "training").sim
    if float((sim.amax(0) - sim.amin(0)).max()) <= 1e-6 * float(sim.abs().max()):
        warn(run, "the similarity embeddings have collapsed: all distances are equal", "went on")
    ratio = hard_ratio_at(epoch, config.hard_ratio_start, config.hard_ratio_step)
    retrieved = ranking.candidates if ranking else None
    mined = mine(run.data.training, sim, ratio, config.seed, epoch, config.neighbors, retrieved)
    if np.array_equal(run.negatives, mined.text_ids):
        warn(run, "no negative changed since they were last mined", "went on with the same ones")
    with run.interruption.held():
        run.record("mine", epoch=epoch, **mined.figures, seconds=time.monotonic() - clock)
        run.negatives, run.progress.stage = mined.text_ids, "mined"


class Batch(NamedTuple):
    """The texts of a batch's triplets, each distinct one once, as one process needs them.

    `groups` holds the texts that this process encodes, as `Tokens.groups` does: D vectors in all.
    `triplets` [3, B] are rows of them: the points, counters and negatives of its own pairs.

    The in-batch candidates are the distinct texts of all processes, so each is given by one of
    them: this one gives the rows `given` as the candidates `given_as`. `positives` [B] are the
    counters of its own pairs among them, `masked` [B, candidates] the points' other own texts.
    """

    groups: list[tuple[Tensor, Tensor]]
    triplets: Tensor
    given: Tensor
    given_as: Tensor
    candidates: int
    positives: Tensor
    masked: Tensor


class Objective(nn.Module):
    """The model and its loss as one forward, all of which `DistributedDataParallel` has to see."""

    def __init__(self, model: BiEncoder, margin: float, in_batch_weight: float = 0.0) -> None:
        super().__init__()
        self.model, self.margin, self.in_batch_weight = model, margin, in_batch_weight

    def forward(self, batch: Batch) -> Loss:
        """The loss of the batch's B triplets."""
        with QuickDropout() if batch.triplets.device.type == "cpu" else nullcontext():
            vectors = [self.model(input_ids, mask) for input_ids, mask in batch.groups]
        sim, h = (torch.cat(parts) for parts in zip(*vectors, strict=True))
        loss = triplet_step(self.model, sim[batch.triplets], h[batch.triplets], self.margin)
        if not self.in_batch_weight:
            return loss
        candidates = processes.gathered(sim[batch.given], batch.given_as, batch.candidates)
        anchors = sim[batch.triplets[0]]
        in_batch = in_batch_loss(anchors, candidates, batch.positives, batch.masked)
        return loss._replace(total=loss.total + self.in_batch_weight * in_batch, in_batch=in_batch)


def train_epoch(run: Run, objective: nn.Module) -> None:
    """The batches of an epoch that are still to be trained on.

    With `--on_nan=stop` raises `RunError` at the first loss or gradient that is not finite.
    """
    config, progress, split = run.config, run.progress, run.data.training
    run.embeddings.clear()
    run.model.train()
    begin = progress.step - progress.epoch * run.steps_per_epoch
    unchecked: list[tuple[npt.NDArray[np.int64], Tensor]] = []
    clock, clocked_step = time.monotonic(), progress.step
    epoch_batches = list(batches(config, split, progress.epoch))[begin:]
    bar = tqdm(
        epoch_batches,
        f"epoch {progress.epoch + 1}",
        run.steps_per_epoch,
        initial=begin,
        leave=False,
        disable=None if processes.leads() else True,
    )
    for pairs in bar:
        if progress.step in evaluations_within(run.steps_per_epoch, config.first_epoch_evals):
            evaluate_all(run)
            run.embeddings.clear()
            run.model.train()
        with run.interruption.held():
            torch.manual_seed(_dropout_seed(config.seed, progress.step))
            run.optimizer.zero_grad(set_to_none=True)
            loss = backward(run, objective, pairs)
            norm = get_total_norm(p.grad for p in run.model.parameters() if p.grad is not None)
            # Not finite where either of the two is not.
            unchecked.append((pairs, loss.total + 0 * norm))
            step = progress.step + 1
            is_logged = step % config.log_every == 0
            is_saved = config.checkpoints_at(step=step)
            is_checked = config.on_nan == "skip" or is_logged or is_saved
            if not is_checked and not run.interruption.pending and step % run.steps_per_epoch:
                run.optimizer.step()
            elif _all_finite(run, unchecked, step):  # synchronises with the device
                run.optimizer.step()
            progress.step, progress.epoch = step, step // run.steps_per_epoch
            progress.stage = "trained"
            if is_logged:
                seconds = time.monotonic() - clock
                run.record(
                    "step",
                    epoch=(step - 1) // run.steps_per_epoch,
                    step=step,
                    loss=loss.total.item(),
                    triplet_loss=loss.triplet.item(),
                    positive_loss=loss.positive.item(),
                    negative_loss=loss.negative.item(),
                    in_batch_loss=loss.in_batch.item(),
                    lr=config.lr,
                    grad_norm=norm.item(),
                    triplets_per_second=(step - clocked_step) * config.batch_size / seconds,
                )
                clock, clocked_step = time.monotonic(), step
            if is_saved:
                save(run)
        run.interruption.heed()


def evaluations_within(steps: int, count: int) -> set[int]:
    """The steps of the first epoch after which it is evaluated, `count` evenly spaced ones but for
    the last, which is the epoch's own evaluation.
    """
    return {round(steps * number / count) for number in range(1, count)} - {0, steps}


def backward(run: Run, objective: nn.Module, pairs: npt.NDArray[np.int64]) -> Loss:
    """The loss of a batch, detached, and its gradients: the processes share the pairs, and each
    gets what one alone would get for all of them.
    """
    split = run.data.training
    weight = len(processes.share(len(pairs))) * processes.count() / len(pairs)
    texts = np.stack([split.point_ids[pairs], split.counter_ids[pairs], run.negatives[pairs]])
    loss: Loss = objective(make_batch(texts, split, run.tokens["training"], run.device))
    (loss.total * weight).backward()
    parts = torch.stack(loss).detach() * (weight / processes.count())
    processes.combine(parts)
    return Loss(*parts)


def make_batch(
    texts: npt.NDArray[np.int64], split: Split, tokens: Tokens, device: torch.device
) -> Batch:
    """This process' part of the triplets whose points, counters and negatives are `texts` [3, B].

    A process without a pair takes part with the first one, since the others wait for its
    gradients.
    """
    own = processes.share(texts.shape[1])
    candidates, first, number = np.unique(texts, return_index=True, return_inverse=True)
    number = number.reshape(texts.shape)
    # A text that several pairs have is given by the process of the first.
    given_as = np.flatnonzero(np.isin(first % texts.shape[1], own))
    own_numbers = number[:, own if len(own) else [0]]
    points, counters, _ = candidates[own_numbers]
    masked = split.is_own(points[:, None], candidates) & (candidates != counters[:, None])
    encoded = np.unique(own_numbers)
    groups, places = tokens.groups(candidates[encoded], device)

    def on_device(rows: npt.NDArray[Any]) -> Tensor:
        return torch.from_numpy(rows).to(device)

    return Batch(
        groups=groups,
        triplets=places[on_device(np.searchsorted(encoded, own_numbers))],
        given=places[on_device(np.searchsorted(encoded, given_as))],
        given_as=on_device(given_as),
        candidates=len(candidates),
        positives=on_device(own_numbers[1]),
        masked=on_device(masked),
    )


def triplet_step(model: BiEncoder, sim: Tensor, h: Tensor, margin: float) -> Loss:
    """The loss of B triplets by sim [3, B, S] and h [3, B, H]: points, counters, negatives."""
    sim_p, sim_c, sim_n = sim
    h_p, h_c, h_n = h
    is_counter = model.pair_logits(sim_p, h_p, sim_c, h_c)
    is_not = model.pair_logits(sim_p, h_p, sim_n, h_n)
    return total_loss(sim_p, sim_c, sim_n, is_counter, is_not, margin)


def batches(config: Config, split: Split, epoch: int) -> Iterator[npt.NDArray[np.int64]]:
    """The rows of an epoch's batches, B each (one may be shorter): every pair once, in an order
    that depends on seed and epoch alone.

    Where the texts of a batch are negatives of each other, its pairs stand debate by debate, and
    the debates of one domain together: what shares its subject is hardest to tell apart.
    """
    rng = np.random.default_rng([config.seed, epoch, 0])
    order = rng.permutation(len(split))
    starts = np.arange(0, len(order), config.batch_size)
    if config.in_batch_weight:
        domain = split.pairs.groupby("domain").ngroup().to_numpy()
        debate = split.pairs.groupby(["domain", "title"]).ngroup().to_numpy()
        shuffled = rng.permutation(debate.max() + 1)
        order = order[np.lexsort([shuffled[debate[order]], domain[order]])]
        rng.shuffle(starts)
    for first in starts:
        yield order[first : first + config.batch_size]


def finish(run: Run) -> None:
    """What the run leaves of its best epoch: pools, predictions, and the exported model."""
    config, run_id, best = run.config, run.run_id, run.progress.best
    if best.epoch != config.epochs:
        if processes.leads():
            best_folder = checkpoint.find(run_id, config.checkpoint_dir)
            checkpoint.put_weights(run.model, best_folder)
        processes.take_weights_of_lead(run.model)
        run.embeddings.clear()
    results = [
        final.evaluate(split, run.data, embedded(run, split.name), run.model)
        for split in run.data.splits
    ]
    for result in results:
        for pool, figures in result.pools.items():
            run.record("pools", epoch=best.epoch, split=result.split, pool=pool, **figures)
    if not processes.leads():
        return
    predictions.write_parquet(
        [result.predictions for result in results],
        config.log_dir / f"{run_id}.predictions.parquet",
    )
    with run.interruption.held():
        state = checkpoint.read_state(checkpoint.find(run_id, config.checkpoint_dir))
        export(run.model, run.tokenizer, state, run.folder)
    say(final.pool_table(results))


def save(run: Run, *, best: bool = False) -> None:
    """Write a checkpoint of the run as it stands, and say so in the log."""
    if not processes.leads():
        return
    progress = run.progress
    state = checkpoint.State(run_id=run.run_id, config=run.config, progress=progress)
    training = _optimizer_tensors(run) | {"negatives": torch.from_numpy(run.negatives)}
    path = checkpoint.save(run.folder, run.model, run.tokenizer, state, training, best=best)
    run.record("checkpoint", epoch=progress.epoch, step=progress.step, path=str(path), best=best)


def embedded(run: Run, name: str) -> Embeddings:
    """The embeddings of a split's texts by the model as it stands. Raises `RunError`."""
    if name in run.embeddings:
        return run.embeddings[name]
    try:
        made = embed(run.model, run.tokens[name], run.device, name, run.interruption.heed)
    except NotFiniteError as error:
        raise RunError(
            f"{error} after step {run.progress.step} (epoch {run.progress.epoch}); a lower --lr "
            "often helps"
        ) from None
    run.embeddings[name] = made
    return made


def warn(run: Run, message: str, action: str, **details: Any) -> None:
    """A `warning` event, on the terminal too."""
    progress = run.progress
    run.record(
        "warning",
        message=message,
        action=action,
        **{"epoch": progress.epoch, "step": progress.step, **details},
    )
    say(f"warning: {message}; {action}")


def say(line: str) -> None:
    """Print a line for the person who watches, without tearing a progress bar."""
    if processes.leads():
        try:
            tqdm.write(line)
        except OSError:
            # Nobody reads any more (a closed pipe, a full disk): the log holds all of it.
            commandline.silence()


def _all_finite(
    run: Run, unchecked: list[tuple[npt.NDArray[np.int64], Tensor]], last_step: int
) -> bool:
    """Whether the loss and gradient of every step since the last check were finite.

    Where one was not: a warning names the step and its pairs, and unless such steps are to be
    skipped, `RunError`.
    """
    finite = torch.isfinite(torch.stack([value for _, value in unchecked])).tolist()
    first_step = last_step - len(unchecked) + 1
    culprits = [row for row, is_finite in enumerate(finite) if not is_finite]
    if culprits:
        step = first_step + culprits[0]
        message = f"the loss or its gradient is not finite at step {step}"
        pair_ids = [run.data.training.pair_ids[pair] for pair in unchecked[culprits[0]][0]]
        stops = run.config.on_nan == "stop"
        warn(run, message, "stopped" if stops else "skipped the step", step=step, pair_ids=pair_ids)
        if stops:
            raise RunError(
                f"{message} (epoch {run.progress.epoch}); a lower --lr often helps, "
                "--on_nan=skip leaves such steps out"
            )
    unchecked.clear()
    return not culprits


def _dropout_seed(seed: int, step: int) -> int:
    """A seed for one step's dropout, so that a resumed run drops what the uninterrupted one did.

    Each process of a run has its own.
    """
    sequence = np.random.SeedSequence([seed, step, 2, processes.rank()])
    return int(sequence.generate_state(1)[0])


def _optimizer_tensors(run: Run) -> dict[str, Tensor]:
    """Adam's state by parameter name: `exp_avg.encoder.…`, `exp_avg_sq.…`, `step.…`."""
    return {
        f"{kind}.{name}": tensor
        for name, parameter in run.model.named_parameters()
        for kind, tensor in run.optimizer.state[parameter].items()
    }


def _restore_optimizer(run: Run, tensors: dict[str, Tensor]) -> None:
    numbers = {name: number for number, (name, _) in enumerate(run.model.named_parameters())}
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        kind, _, name = key.partition(".")
        state.setdefault(numbers[name], {})[kind] = tensor
    groups = run.optimizer.state_dict()["param_groups"]
    run.optimizer.load_state_dict({"state": state, "param_groups": groups})


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _percentages(top1: dict[str, float]) -> str:
    return "  ".join(f"{split} {_percent(share)}" for split, share in top1.items())


def _describe(split: Split, truncation: dict[str, float], max_length: int) -> str:
    counts = split.counts
    parts = [f"{counts['kept']:,} pairs"]
    if counts["leaked"]:
        parts.append(f"{counts['leaked']:,} dropped: a text stands in validation or test too")
    if counts["incomplete"]:
        parts.append(f"{counts['incomplete']:,} incomplete passed over")
    if truncation["texts_cut"]:
        parts.append(
            f"{truncation['texts_cut']:.0%} of texts cut at {max_length} tokens, "
            f"{truncation['tokens_lost']:.0%} of all tokens lost"
        )
    if truncation["texts_alike"]:
        parts.append(f"{truncation['texts_alike']:,} texts have the same tokens as another")
    return "; ".join(parts)
