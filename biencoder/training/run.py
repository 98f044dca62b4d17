"""Runs the job: set up, start or resume, train, save the results, say how it ended."""

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
from biencoder.errors import shortage_named
from biencoder.model import encoder
from biencoder.model.biencoder import build
from biencoder.retrieval import final_evaluation
from biencoder.runtime import distributed, environment
from biencoder.runtime.console import say
from biencoder.runtime.main_process import is_main_process
from biencoder.runtime.provenance import collect_provenance
from biencoder.runtime.signals import Interrupted, Interruption
from biencoder.storage import (
    checkpoint,
    events,
    identity,
    pooled_vectors,
    prediction_files,
    run_checkpoints,
)
from biencoder.storage.export import export
from biencoder.storage.progress import Progress, State
from biencoder.storage.run_log import RunLog
from biencoder.training import beginning
from biencoder.training.evaluation import Evaluator
from biencoder.training.gradient_cache import is_chosen
from biencoder.training.messages import closing_line
from biencoder.training.optimizer import make_optimizer
from biencoder.training.state import TrainingState
from biencoder.training.trainer import Trainer

#: What to do when memory runs out.
ADVICE = "take --gradient_cache=on, lower --max_length or --batch_size, or use a smaller encoder"


class Ended(NamedTuple):
    """How a run ended: its name, and 0 or 128 + the signal that interrupted it."""

    run_id: str
    status: int


class Sources(NamedTuple):
    """What a run is made from; `decides` says all that its result follows from."""

    data: Corpus
    pretrained: Any
    tokenizer: Any
    first_stage: Path | None
    decides: dict[str, Any]


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
    data, pretrained, tokenizer, first_stage, decides = read(config, device)
    former, run_id = beginning.choose_run(config, decides)
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
    beginning.check_place(config, run_id, former)
    torch.manual_seed(config.seed)
    model = build(config, pretrained, decides["precision"], device)
    if first_stage:
        checkpoint.first_stage(model, first_stage)  # raises now if its weights do not fit
    model.to(device)
    pretrained_weights = []
    if config.pretrained_share:  # to average the trained ones with
        pretrained_weights = [p.detach().clone() for p in model.encoder.parameters()]
    state = TrainingState(model, make_optimizer(model, config), started)
    caches = is_chosen(config, former and former.start, model, tokens["training"])
    provenance = collect_provenance(device, decides["precision"], caches)

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
                    after_round=interruption.raise_if_signalled,
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
                    save=partial(save, config, data.digest, state, tokenizer, log),
                    pretrained=pretrained_weights,
                    gradient_cache=caches,
                )
                if former:
                    beginning.resume(config, state, log, former.start, provenance)
                else:
                    beginning.start(config, decides, provenance, data, tokens, model, log)
                beginning.warn_of_file_systems(config, state.progress, log)
                distributed.broadcast_weights(model)
                if state.progress == Progress():
                    vectors_key = pooled_vectors.key(tokens, decides, provenance)
                    beginning.prepare(config, state, evaluator, first_stage, vectors_key, log)
                trainer.fit()
                checksum = finish(config, state, data, evaluator, tokenizer, log, interruption)
            end = {"status": "completed", "reason": None, "predictions_sha256": checksum}
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


def read(config: Config, device: torch.device) -> Sources:
    """Read corpus, encoder and first stage. Raises `RunError`."""
    data = corpus.load(config.data_dir, config.leaked_pairs, config.columns)
    corpus.check_complete(data)
    pretrained, tokenizer = encoder.load(
        config.encoder, config.pooling, config.max_length, config.layers
    )
    first_stage = None
    if config.init_from is not None and is_main_process():  # which gives the others its weights
        first_stage = run_checkpoints.find(config.init_from, config.checkpoint_dir)
    decides = identity.decides(
        config,
        corpus=data.digest,
        encoder=identity.encoder_digest(pretrained, tokenizer),
        first_stage=checkpoint.digest(first_stage) if first_stage else None,
        precision=environment.precision(config.precision, device),
    )
    return Sources(data, pretrained, tokenizer, first_stage, decides)


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
        if state.progress.best.epoch != epoch and is_main_process():
            checkpoint.put_weights(model, run_checkpoints.find(log.run_id, config.checkpoint_dir))
        points = {split.name: len(split) for split in data.splits}
        export(model, tokenizer, config.checkpoint_dir / log.run_id, points)
        # Before the log says completed: a run that is killed earlier does all of this again.
        run_checkpoints.drop_training_state(config.checkpoint_dir / log.run_id)
    say(final_evaluation.pool_table(results))
    return checksum or ""  # of the other processes, which write neither it nor the log


def save(
    config: Config, corpus: str, state: TrainingState, tokenizer: Any, log: RunLog, best: bool
) -> None:
    """Write a checkpoint and log it; `corpus` is the corpus' digest."""
    progress = state.progress
    progress.seconds = time.monotonic() - state.started
    saved = State(run_id=log.run_id, config=config, corpus=corpus, progress=progress)
    folder = run_checkpoints.folder(config.checkpoint_dir / log.run_id, progress)
    if log.synchronise():  # first, or after a power cut there might be a checkpoint without a log
        log.warn(progress, f"{log.path} was removed", "wrote it again")
    left = run_checkpoints.save(folder, state.model, tokenizer, saved, state.tensors(), best=best)
    for name in left or ():
        message = f"checkpoint {name} cannot be removed"
        log.warn(progress, message, "went on; tried again at the next checkpoint")
    place = {"epoch": progress.epoch, "step": progress.step}
    log.write(events.Checkpoint(**place, path=str(folder), best=best))
