"""Reads any run logs as one `Log`.

    log = read(["logs/"])                                   # every event
    log = read(["logs/*.jsonl", "old/"], events=("eval",))  # without the many losses: much faster
    log.runs, log.metrics, log.rejected, log.warnings       # tables, see analysis.schema
    log.predictions                                         # from the files that train left
    log.notes                                               # sentences, each names its file

Prints nothing but a progress bar, and only on a terminal: the caller shows the notes.
"""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
from tqdm import tqdm

from analysis.errors import AnalysisError
from analysis.readers import jsonl, legacy, predictions
from analysis.readers.cache import Cache
from analysis.readers.discovery import find_logs
from analysis.readers.files import contents
from analysis.readers.merging import legacy_names, rename_apart, without_copies
from analysis.readers.unfinished import locked_files, with_state
from analysis.schema import PREDICTIONS, Log

_BATCH = 24 * 1024 * 1024  # bytes of legacy text that are parsed together
_WORKERS = min(4, os.cpu_count() or 1)  # each holds one batch
_MANY = 30  # pieces of work that are worth a progress bar


def read(
    paths: str | Path | Sequence[str | Path],
    events: Collection[str] | None = None,
    cache: Cache | None = None,
) -> Log:
    """Read every log under `paths`: files, folders (walked) and glob patterns, one or several.

    `events` limits METRICS to these events ('step', 'mine', 'eval', 'untrained', 'pools'); without
    'pools' no predictions are read. With the `cache` of an earlier call with the same arguments,
    only what is new is read. Notes name the files that were passed over, and runs that have the
    same name in several files.

    Raises `AnalysisError` where a path does not exist or cannot be read, and where no log is found
    or no run can be read.

    >>> log = read(["logs/reference/*.jsonl"])
    >>> log.runs["variant"].n_unique()
    4
    """
    paths = [paths] if isinstance(paths, str | Path) else paths
    notes: list[str] = []
    formats = find_logs(paths, notes, cache.formats if cache else {})
    originals = without_copies(list(formats), notes)
    of_train = [path for path in originals if formats[path] == "jsonl"]
    batches = _batches([path for path in originals if formats[path] == "legacy"])

    locked = locked_files()  # before the logs, so that a run that ends meanwhile has its end

    def read_jsonl(path: Path) -> Log:
        if cache:
            log, data = cache.jsonl(path, events)
        else:
            data = contents(path)
            log = jsonl.read(str(path), data, events)
        return with_state(log, path, data, locked)

    def read_legacy(named: Mapping[Path, str]) -> Log:
        files = [legacy.LegacyFile(str(path), named[path], contents(path)) for path in named]
        return legacy.read(files, events)

    def read_batch(batch: Sequence[Path]) -> Log:
        named = {path: names[path] for path in batch}
        return cache.batch(named, read_legacy) if cache else read_legacy(named)

    with ThreadPoolExecutor(_WORKERS) as pool:  # polars works outside Python's lock
        read_ones = _shown(pool.map(read_jsonl, of_train), 0 if cache else len(of_train))
        logs = rename_apart(list(read_ones), notes)
        taken = {run_id for log in logs for run_id in log.runs["run_id"]}
        names = legacy_names([path for batch in batches for path in batch], taken, notes)
        logs += _shown(pool.map(read_batch, batches), 0 if cache else len(batches))
    runs = pl.concat([log.runs for log in logs])
    if runs.is_empty():
        raise AnalysisError(f"{', '.join(map(str, paths))}: no run can be read: {_fault(logs)}")
    metrics = pl.concat([log.metrics for log in logs])
    answers, passed_over = pl.DataFrame(schema=PREDICTIONS), list[str]()
    if events is None or "pools" in events:  # by which predictions are checked
        read_file = cache.answers if cache else predictions.read_file
        answers, passed_over = predictions.read(runs, metrics, read_file)
    return Log(
        runs=runs,
        metrics=metrics,
        rejected=pl.concat([log.rejected for log in logs]),
        warnings=pl.concat([log.warnings for log in logs]),
        notes=(*notes, *(note for log in logs for note in log.notes), *passed_over),
        predictions=answers,
    )


def _shown(logs: Iterable[Log], count: int) -> Iterable[Log]:
    """Pass `logs` through, with a progress bar where they are many and stderr is a terminal."""
    return tqdm(logs, total=count, leave=False, disable=None if count >= _MANY else True)


def _fault(logs: Iterable[Log]) -> str:
    """Say what is wrong with the first of `logs`, which hold no run."""
    for log in logs:
        for note in log.notes:
            return note
        for source, line, reason in log.rejected.rows():
            return f"{source}, line {line}: {reason}"
    return "they hold nothing"


def _batches(paths: Sequence[Path]) -> list[list[Path]]:
    """Group `paths` so that each group holds about `_BATCH` bytes."""
    batches: list[list[Path]] = []
    size = _BATCH
    for path in paths:
        if size >= _BATCH:
            batches.append([])
            size = 0
        batches[-1].append(path)
        size += path.stat().st_size
    return batches
