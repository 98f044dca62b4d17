"""Tells a run that is going on from one that stopped, where its log has no end.

`train` holds a lock on its log. Trying to take that lock could make a job fail that starts at the
same moment, so the system's list of locks is read instead; where there is no such list, the time of
the last line decides.
"""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from analysis.schema import Log

#: The list of locks that processes of this system hold.
LOCKS = Path("/proc/locks")

#: An exclusive lock of flock(2), and the number of the file that it is on.
_LOCK = re.compile(r"FLOCK\s+\S+\s+WRITE\s+\S+\s+[0-9a-f]+:[0-9a-f]+:([0-9]+)\s")

#: Age of a last line up to which a run without a list of locks counts as going on: evaluations of
#: large corpora take minutes, in which nothing is logged.
RECENT = timedelta(minutes=30)

_LONGEST_LINE = 64 * 1024


def locked_files() -> set[int] | None:
    """List the inodes of the locked files; None where the system does not tell.

    The list also has the device of each, but on some file systems (btrfs, overlays) it is not the
    device that `stat` reports, so it is not compared.
    """
    try:
        return {int(inode) for inode in _LOCK.findall(LOCKS.read_text("ascii"))}
    except (OSError, ValueError):
        return None


def with_state(log: Log, path: Path, data: bytes, locked: set[int] | None) -> Log:
    """Give the runs of `log` that have no end the status 'running' or 'stopped', and the reason.

    `data` is what was read of its file, `path`; `locked` is what `locked_files` returned before.
    Where a file has several runs, only the last can be running.
    """
    endless = pl.col("status").is_null()
    if not log.runs.select(endless.any()).item():
        return log
    status, reason = _state(path, data, locked)
    last = pl.int_range(pl.len()) == pl.len() - 1
    now = pl.when(last).then(pl.lit(status)).otherwise(pl.lit("stopped"))
    why = (
        pl.when(last).then(pl.lit(reason)).otherwise(pl.lit("no run_end, and another run follows"))
    )
    runs = log.runs.with_columns(
        status=pl.when(endless).then(now).otherwise("status"),
        reason=pl.when(endless).then(why).otherwise("reason"),
    )
    return replace(log, runs=runs)


def _state(path: Path, data: bytes, locked: set[int] | None) -> tuple[str, str]:
    """Return the status of the run that comes last in a log, and how it is known."""
    written = _last_time(data)
    last = f"last line {written:%Y-%m-%d %H:%M} UTC" if written else "no time in its last line"
    if locked is None:
        recent = written is not None and datetime.now(UTC) - written < RECENT
        return ("running" if recent else "stopped"), f"no run_end, {last}"
    if path.stat().st_ino in locked:
        return "running", f"a process here writes its log, {last}"
    return "stopped", f"no run_end, no process here writes its log, {last}"


def _last_time(data: bytes) -> datetime | None:
    """Return the time of the last whole line; None where it has none."""
    tail = data[-_LONGEST_LINE:].rpartition(b"\n")[0].rpartition(b"\n")[2]
    try:
        return datetime.fromisoformat(json.loads(tail)["time"]).astimezone(UTC)
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        return None
