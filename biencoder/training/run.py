"""Runs the job: set up, start or resume, train, save the results, return the exit status."""

import json
import time
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import torch

from biencoder.config import Config
from biencoder.data import corpus
from biencoder.data.corpus import Corpus
from biencoder.data.tokens import Tokens, check_vocabulary
from biencoder.errors import RunError, shortage_named
from biencoder.model import encoder
from biencoder.model.biencoder import BiEncoder, build
from biencoder.model.initialization import start_from_pretrained
from biencoder.retrieval import final_evaluation
from biencoder.runtime import distributed, environment
from biencoder.runtime.console import say
from biencoder.runtime.signals import Interrupted, Interruption
from biencoder.storage import checkpoint, events, identity, prediction_files
from biencoder.storage.atomic import clear_unfinished, flush
from biencoder.storage.export import export
from biencoder.storage.progress import Progress, State
from biencoder.storage.run_log import FormerRun, RunLog, find_run, new_run_id
from biencoder.training.evaluation import Evaluator
from biencoder.training.gradient_cache import is_chosen
from biencoder.training.margin import euclidean_margin
from biencoder.training.messages import closing_line, describe
from biencoder.training.state import TrainingState, make_optimizer, take_up
from biencoder.training.trainer import Trainer

#: Where memory runs out.
ADVICE = "take --gradient_cache=on, lower --max_length or --batch_size, or use a smaller encoder"


class Ended(NamedTuple):
    """How a run ended: its name, and 0 or 128 + the signal that interrupted it."""

    run_id: str
    status: int


def train(config: Config, interruption: Interruption) -> Ended:
    """Run the whole job.

    Raises `RunError` for a failure that the user can act on.
    """
    device = environment.device(config.device)
    with distributed.joined(device), shortage_named(ADVICE):
        if distributed.world_size() == 1:
            return train_process(config, device, interruption)
        with interruption.agreed(distributed.all_reduce_max):
            return train_process(config, device, interruption)


def train_process(config: Config, device: torch.device, interruption: Interruption) -> Ended:
    """Run the job on one of its processes."""
    started = time.monotonic()
    data = corpus.load(config.data_dir, config.leaked_pairs)
    pretrained, tokenizer = encoder.load(
        config.encoder, config.pooling, config.max_length, config.layers
    )
    first_stage = None
    if config.init_from and distributed.is_main_process():  # which gives the others its weights
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
        say(f"run {run_id} is completed already; choose another --run_id for a new one")
        return Ended(run_id, 0)
    if former:  # goes on in the precision that it was started in
        decides = former.start["decides"]
    corpus.check_negatives(config.data_dir, data.training)
    tokens = {
        split.name: Tokens(split.texts, tokenizer, config.max_length) for split in data.splits
    }
    check_vocabulary(tokens, config.encoder)
    check_place(config, run_id, former)
    torch.manual_seed(config.seed)
    model = build(config, pretrained, decides["precision"])
    if first_stage:
        checkpoint.first_stage(model, first_stage)  # weights that do not fit show now
    model.to(device)
    averages = config.pretrained_share > 0
    pretrained_weights = [p.detach().clone() for p in model.encoder.parameters() if averages]
    state = TrainingState(model, make_optimizer(model, config), started)
    caches = is_chosen(config, former and former.start, model, tokens["training"])
    provenance = environment.provenance(
        device, decides["precision"], distributed.world_size(), caches
    )

    with RunLog(config.log_dir, run_id, resumed=bool(former)) as log:
        end: dict[str, Any] = {"status": "failed", "reason": None}
        try:
            with distributed.name_failed_process():
                evaluator = Evaluator(
                    data=data,
                    tokens=tokens,
                    model=model,
                    device=device,
                    neighbors=config.neighbors,
                    with_unseen=config.leaked_pairs == "keep",
                    log=log,
                    heed=interruption.raise_if_signalled,
                )
                trainer = Trainer(
                    config=config,
                    split=data.training,
                    tokens=tokens["training"],
                    state=state,
                    evaluator=evaluator,
                    device=device,
                    log=log,
                    interruption=interruption,
                    save=partial(save, config, state, tokenizer, log),
                    pretrained=pretrained_weights,
                    gradient_cache=caches,
                )
                if former:
                    resume(config, state, log, former.start, provenance)
                else:
                    start(config, decides, provenance, data, tokens, model, log)
                caution(config, state.progress, log)
                distributed.broadcast_weights(model)
                if state.progress == Progress():
                    prepare(config, state, evaluator, first_stage, log)
                trainer.fit()
                found = finish(config, state, data, evaluator, tokenizer, log, interruption)
            end = {"status": "completed", "reason": None, "predictions_sha256": found}
        except Interrupted as signalled:
            end = {"status": "interrupted", "reason": str(signalled)}
            say(f"{signalled}; the same command goes on from here")
            return Ended(run_id, signalled.status)
        except BaseException as error:
            end["reason"] = f"{type(error).__name__}: {error}"
            raise
        finally:
            with interruption.held_silently():
                best = state.progress.best
                end |= {"best_epoch": best.epoch, "top1": best.top1}
                end["seconds"] = time.monotonic() - state.started
                log.write(events.RunEnd.model_validate(end))
    say(closing_line(state.progress))
    return Ended(run_id, 0)


def choose_run(config: Config, decides: dict[str, Any]) -> tuple[FormerRun | None, str]:
    """Choose (the run to resume or None, the run id), as the main process finds them."""
    former = None
    if distributed.is_main_process() and config.resume == "auto":
        # What auto chose at the start is kept; what was asked for by name must be the same again.
        free = ("precision",) if config.precision == "auto" else ()
        former = find_run(config.log_dir, decides, config.run_id, free)
    run_id = former.run_id if former else config.run_id or new_run_id(config.variant, config.seed)
    chosen = json.loads(distributed.broadcast(json.dumps([former, run_id]).encode()))
    return chosen[0] and FormerRun(*chosen[0]), chosen[1]


@distributed.main_process_only
def check_place(config: Config, run_id: str, former: FormerRun | None) -> None:
    """Check the output folders. Raises `RunError`: not writable, or of another run."""
    environment.check_writable(config.log_dir, config.checkpoint_dir)
    folder = config.checkpoint_dir / run_id
    is_new = not former and not (config.log_dir / f"{run_id}.jsonl").exists()
    if is_new and folder.is_dir() and any(folder.iterdir()):
        raise RunError(
            f"{folder}: holds checkpoints of another run; choose another --run_id or "
            "--checkpoint_dir, or remove it"
        )


def start(
    config: Config,
    decides: dict[str, Any],
    provenance: dict[str, Any],
    data: Corpus,
    tokens: dict[str, Tokens],
    model: BiEncoder,
    log: RunLog,
) -> None:
    """Log and print what identifies a new run."""
    truncation = {name: of_split.truncation() for name, of_split in tokens.items()}
    opening = {
        "config": config.to_json(),
        "decides": decides,
        "identity": identity.identity(decides),
        "variant": config.variant,
        "corpus": {split.name: split.counts for split in data.splits},
        "truncation": truncation,
        "seed": config.seed,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
    log.write(events.RunStart.model_validate(opening | provenance))
    count = distributed.world_size()
    shared = f", shared by {count} processes" if count > 1 else ""
    device = next(model.parameters()).device
    say(f"run {log.run_id} on {device}{shared}, log {log.path}")
    for split in data.splits:
        say(f"  {split.name}: {describe(split, truncation[split.name], config.max_length)}")


def resume(
    config: Config,
    state: TrainingState,
    log: RunLog,
    start: dict[str, Any],
    provenance: dict[str, Any],
) -> None:
    """Resume from the newest undamaged checkpoint, or begin anew where there is none."""
    clear_unfinished(config.log_dir, f".{log.run_id}.predictions.parquet.*.tmp")
    run_dir = config.checkpoint_dir / log.run_id
    clear_unfinished(run_dir, "**/.*.tmp")
    name, damaged = take_up(state, run_dir)
    progress = state.progress
    for bad in damaged:
        log.warn(Progress(), f"checkpoint {bad} is damaged", f"set aside as {bad}.damaged")
    place = {"epoch": progress.epoch, "step": progress.step, "checkpoint": name}
    log.write(events.Resume.model_validate(place | provenance))
    for what, now in provenance.items():
        if (then := start.get(what)) != now:
            message = f"{what} is another than at the start of the run: {then} then, {now} now"
            log.warn(progress, message, "went on; the last bits of the result may differ")
    say(
        f"run {log.run_id} goes on at epoch {progress.epoch}, step {progress.step} "
        "(--resume=never starts a new one)"
    )


def caution(config: Config, progress: Progress, log: RunLog) -> None:
    """Warn of what the file systems of the run do not offer."""
    if not log.is_locked:
        message = f"the file system of {config.log_dir} offers no locks (flock)"
        log.warn(progress, message, "went on; start no second process with this run_id")
    for folder in (config.log_dir, config.checkpoint_dir):
        if distributed.is_main_process() and not flush(folder):
            message = f"the file system of {folder} cannot synchronise folders to disk (fsync)"
            log.warn(progress, message, "went on; a power cut may cost the newest files")


def prepare(
    config: Config,
    state: TrainingState,
    evaluator: Evaluator,
    first_stage: Path | None,
    log: RunLog,
) -> None:
    """Evaluate the untrained encoder, initialise the model from its vectors or from the first
    stage, and measure the margin.
    """
    model = state.model
    pooled = evaluator.evaluate_untrained(state.progress)
    if config.init_from is None:
        split, vectors = evaluator.data.training, pooled["training"]
        start_from_pretrained(
            model, vectors[split.point_ids], vectors[split.counter_ids], config.seed
        )
    elif first_stage:
        weights, fresh = checkpoint.first_stage(model, first_stage)
        model.load_state_dict(weights, strict=False)
        if fresh:
            message = f"{config.init_from} holds no fitting weights for: {', '.join(fresh)}"
            log.warn(state.progress, message, "these start fresh")
    distributed.broadcast_weights(model)
    if config.init_from is None:
        evaluator.keep(pooled)
    if config.triplet_weight:
        sim = evaluator.embedded("training").sim
        margin, median = euclidean_margin(config, evaluator.data.training, sim)
        state.progress.margin = margin
        log.write(events.Margin(margin=config.margin, median_distance=median, euclidean=margin))


def finish(
    config: Config,
    state: TrainingState,
    data: Corpus,
    evaluator: Evaluator,
    tokenizer: Any,
    log: RunLog,
    interruption: Interruption,
) -> str:
    """Log the last epoch's pools, write its predictions, export the best epoch's model, and remove
    what only training needs. Returns the predictions' SHA-256.

    Runs are compared at the last epoch, the same for all of them.
    """
    model, epoch = state.model, state.progress.epoch
    results = [
        final_evaluation.evaluate(
            split, data, evaluator.embedded(split.name), model, interruption.raise_if_signalled
        )
        for split in data.splits
    ]
    for result in results:
        for pool, figures in result.pools.items():
            place = {"epoch": epoch, "split": result.split, "pool": pool}
            log.write(events.Pools.model_validate(place | figures))
    checksum = prediction_files.write_parquet(
        [result.predictions.with_columns(epoch=pl.lit(epoch)) for result in results],
        config.log_dir / f"{log.run_id}.predictions.parquet",
    )
    with interruption.held():
        if state.progress.best.epoch != epoch and distributed.is_main_process():
            checkpoint.put_weights(model, checkpoint.find(log.run_id, config.checkpoint_dir))
        points = {split.name: len(split) for split in data.splits}
        export(model, tokenizer, config.checkpoint_dir / log.run_id, points)
        # Before the log says completed: what is killed until then does the same again.
        checkpoint.drop_training_state(config.checkpoint_dir / log.run_id)
    say(final_evaluation.pool_table(results))
    return checksum or ""  # of the other processes, which write neither it nor the log


def save(config: Config, state: TrainingState, tokenizer: Any, log: RunLog, best: bool) -> None:
    """Write a checkpoint and log it."""
    progress = state.progress
    progress.seconds = time.monotonic() - state.started
    saved = State(run_id=log.run_id, config=config, progress=progress)
    folder = checkpoint.folder(config.checkpoint_dir / log.run_id, progress)
    if log.synchronise():  # first, or after a power cut there might be a checkpoint without a log
        log.warn(progress, f"{log.path} was removed", "wrote it again")
    left = checkpoint.save(folder, state.model, tokenizer, saved, state.tensors(), best=best)
    for name in left or ():
        message = f"checkpoint {name} cannot be removed"
        log.warn(progress, message, "went on; tried again at the next checkpoint")
    place = {"epoch": progress.epoch, "step": progress.step}
    log.write(events.Checkpoint(**place, path=str(folder), best=best))
