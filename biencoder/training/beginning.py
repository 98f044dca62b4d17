"""Begins a run, new or taken up: its name and places, its first lines, and where weights start."""

import json
from pathlib import Path
from typing import Any

from biencoder.config import Config
from biencoder.data.corpus import Corpus
from biencoder.data.tokens import Tokens
from biencoder.errors import FileError, RunError
from biencoder.model.biencoder import BiEncoder
from biencoder.model.initialization import start_from_pretrained
from biencoder.runtime import distributed, environment
from biencoder.runtime.console import say
from biencoder.runtime.main_process import is_main_process, main_process_only
from biencoder.storage import checkpoint, events, identity, pooled_vectors
from biencoder.storage.atomic import clear_unfinished, flush
from biencoder.storage.former_run import FormerRun, find_run
from biencoder.storage.progress import Progress
from biencoder.storage.run_log import RunLog, new_run_id
from biencoder.training.evaluation import Evaluator
from biencoder.training.margin import euclidean_margin
from biencoder.training.messages import describe
from biencoder.training.state import TrainingState, restore_newest


def choose_run(config: Config, decides: dict[str, Any]) -> tuple[FormerRun | None, str]:
    """Choose (the run to resume or None, the run id), as the main process finds them."""
    former = None
    if is_main_process() and config.resume == "auto":
        # What auto chose at the start is kept; what was asked for by name must be the same again.
        free = ("precision",) if config.precision == "auto" else ()
        former = find_run(config.log_dir, decides, config.run_id, free)
    run_id = former.run_id if former else config.run_id or new_run_id(config.variant, config.seed)
    chosen = json.loads(distributed.broadcast(json.dumps([former, run_id]).encode()))
    return chosen[0] and FormerRun(*chosen[0]), chosen[1]


@main_process_only
def check_place(config: Config, run_id: str, former: FormerRun | None) -> None:
    """Check the output folders. Raises `RunError`: not writable, or of another run."""
    environment.check_writable(log_dir=config.log_dir, checkpoint_dir=config.checkpoint_dir)
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
        "notes": data.notes,
        "truncation": truncation,
        "seed": config.seed,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }
    log.write(events.RunStart.model_validate(opening | provenance))
    count = distributed.world_size()
    shared = f", shared by {count} processes" if count > 1 else ""
    device = next(model.parameters()).device
    say(f"run {log.run_id} on {device}{shared}, log {log.path}")
    for note in data.notes:
        say(f"  {note}")
    for split in data.splits:
        say(f"  {split.name}: {describe(split, truncation[split.name], config.max_length)}")


def resume(
    config: Config,
    state: TrainingState,
    log: RunLog,
    at_start: dict[str, Any],
    provenance: dict[str, Any],
) -> None:
    """Resume from the newest undamaged checkpoint, or begin anew where there is none."""
    clear_unfinished(config.log_dir, f".{log.run_id}.predictions.parquet.*.tmp")
    run_dir = config.checkpoint_dir / log.run_id
    for own in (".*.tmp", "epoch-*/.*.tmp"):  # an index below may be another process' work
        clear_unfinished(run_dir, own)
    name, damaged = restore_newest(state, run_dir, config)
    progress = state.progress
    for bad in damaged:
        log.warn(Progress(), f"checkpoint {bad} is damaged", f"set aside as {bad}.damaged")
    place = {"epoch": progress.epoch, "step": progress.step, "checkpoint": name}
    log.write(events.Resume.model_validate(place | provenance))
    for what, now in provenance.items():
        if (then := at_start.get(what)) != now:
            message = f"{what} is another than at the start of the run: {then} then, {now} now"
            log.warn(progress, message, "went on; the last bits of the result may differ")
    where = f"goes on at epoch {progress.epoch}, step {progress.step}"
    if name is None:
        where = f"begins anew: {run_dir} holds no checkpoint to go on from"
    say(f"run {log.run_id} {where} (--resume=never starts a new one)")


def warn_of_file_systems(config: Config, progress: Progress, log: RunLog) -> None:
    """Warn of what the file systems of the run do not offer."""
    if not log.is_locked:
        message = f"the file system of {config.log_dir} offers no locks (flock)"
        log.warn(progress, message, "went on; start no second process with this run_id")
    for folder in (config.log_dir, config.checkpoint_dir):
        if is_main_process() and not flush(folder):
            message = f"the file system of {folder} cannot synchronise folders to disk (fsync)"
            log.warn(progress, message, "went on; a power cut may cost the newest files")


def prepare(
    config: Config,
    state: TrainingState,
    evaluator: Evaluator,
    first_stage: Path | None,
    vectors_key: str | None,
    log: RunLog,
) -> None:
    """Evaluate the untrained encoder, by the vectors that an earlier run kept under this key if
    there are any; initialise the model from them or from the first stage, and measure the margin.
    """
    model = state.model
    kept = config.checkpoint_dir / pooled_vectors.NAME
    # Other runs share the folder.
    clear_unfinished(config.checkpoint_dir, f".{kept.name}.*.tmp", min_age=3600)
    known = pooled_vectors.read(kept, vectors_key, evaluator.device)
    if known:
        say(f"taking the untrained encoder's vectors from {kept}, where an earlier run kept them")
    pooled = evaluator.evaluate_untrained(state.progress, known)
    if not known:
        try:
            pooled_vectors.write(kept, vectors_key, pooled)
        except FileError as error:
            log.warn(state.progress, str(error), "went on; the next run encodes them again")
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
