"""Finds the run to resume by the logs of earlier ones."""

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

from biencoder.config import RUN_ID
from biencoder.errors import RunError


class FormerRun(NamedTuple):
    """An earlier run of the log folder; `start` is its `run_start` record."""

    run_id: str
    completed: bool
    start: dict[str, Any]


def find_run(
    log_dir: Path, decides: dict[str, Any], run_id: str | None, may_differ: Collection[str] = ()
) -> FormerRun | None:
    """Find the run to resume, None where there is none.

    With `run_id` that is the run of this name, else the newest uncompleted one in `log_dir`. Every
    value of `decides` must equal the log's; the fields in `may_differ` need not where the former
    run had 'auto' there. A run is completed when its log ends with a `run_end` that says so. Raises
    `RunError` where the run of this name is another.
    """
    logs = [log_dir / f"{run_id}.jsonl"] if run_id else log_dir.glob("*.jsonl")
    found = []
    for path in logs:
        if not path.is_file() or not re.fullmatch(RUN_ID, path.stem):
            continue  # '...jsonl' would be the run '..', with checkpoints outside their folder
        try:
            start, end = _first_and_last_record(path)
        except OSError as error:
            if run_id:
                raise RunError(f"{path}: cannot be read ({error.strerror})") from None
            continue  # another user's
        former = FormerRun(path.stem, _says_completed(end), start)
        decided = start.get("decides")
        if not (isinstance(decided, dict) and isinstance(start.get("config"), dict)):
            continue  # not a log of this schema
        if start.get("run_id") != path.stem:
            if run_id:
                raise RunError(
                    f"--run_id={run_id}: {path} is a copy of the log of {start.get('run_id')}; "
                    "choose another run_id"
                )
            continue  # a copy, whose checkpoints lie under another name
        chosen = {name for name in may_differ if start["config"].get(name) == "auto"}
        differs = [n for n in decides if n not in chosen and decided.get(n) != decides[n]]
        if not differs and (run_id or not former.completed):
            found.append((str(start.get("time")), path.stem, former))
        elif run_id and not former.completed:
            parts = [
                f"another {_CONTENT[n]}" if n in _CONTENT else f"--{n}={decided.get(n)}"
                for n in differs
            ]
            raise RunError(
                f"--run_id={run_id}: {path} was started with {', '.join(parts)}; go on with it as "
                "it was started, or choose another run_id"
            )
    return max(found)[2] if found else None


#: A field of `decides` that holds a digest → what it is the digest of, for a message.
_CONTENT = {"corpus": "corpus", "encoder": "encoder or tokenizer", "init_from": "first stage"}


def is_completed(path: Path) -> bool:
    """Tell whether a log ends with a completed run. Raises `OSError`."""
    return _says_completed(_first_and_last_record(path)[1])


def _says_completed(last_record: dict[str, Any]) -> bool:
    return last_record.get("event") == "run_end" and last_record.get("status") == "completed"


def _first_and_last_record(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the first and the last record, {} for a torn line; a log may be too large to read."""
    with path.open("rb") as file:
        first = file.readline()
        file.seek(max(0, path.stat().st_size - 100_000))
        whole = [line for line in file.read().splitlines(keepends=True) if line.endswith(b"\n")]
    return _record(first), _record(whole[-1] if whole else b"")


def _record(line: bytes) -> dict[str, Any]:
    try:
        record = json.loads(line) if line.endswith(b"\n") else {}
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}
