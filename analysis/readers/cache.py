"""Keeps what was read of each log, so that reading again reads only what is new.

Logs are only appended to, so a log that has grown is read from where the last reading stopped, up
to its last whole line. An unchanged file is not opened. A file that was replaced is read from its
start, and so is one with several runs or with rejected lines, whose line numbers are reported.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from analysis.errors import AnalysisError
from analysis.readers import jsonl, predictions
from analysis.readers.discovery import Format
from analysis.readers.files import contents
from analysis.readers.run_events import RUN_EVENTS
from analysis.schema import METRIC_KEY, Log

#: Size and modification time, which tell whether a file has changed; None: there is no file.
_State = tuple[int, int] | None

_MARKS = [f'"{name}"'.encode() for name in RUN_EVENTS]


@dataclass(frozen=True)
class _Read:
    """What was read of a JSONL log."""

    state: _State
    size: int  # bytes of the whole lines
    lines: bytes  # those that are read again together with new ones: see `_needed`
    log: Log


@dataclass
class Cache:
    """What `logs.read` has read. Given the same cache again, it reads only what is new."""

    #: Counts what was read: the same number as before means that nothing is new.
    pieces: int = 0
    _logs: dict[Path, _Read] = field(default_factory=dict)
    _batches: dict[tuple[Path, ...], tuple[object, Log]] = field(default_factory=dict)
    _answers: dict[Path, tuple[object, predictions.Answers]] = field(default_factory=dict)

    @property
    def formats(self) -> dict[Path, Format]:
        """The formats of the logs that were read."""
        found: dict[Path, Format] = dict.fromkeys(self._logs, "jsonl")
        return found | {path: "legacy" for paths in self._batches for path in paths}

    def jsonl(self, path: Path, events: Collection[str] | None) -> tuple[Log, bytes]:
        """Read a JSONL log as `jsonl.read` does: the log, and some of its lines, with the last.

        Raises `AnalysisError` where it cannot be read.
        """
        former, state = self._logs.get(path), _state(path)
        if former is None or former.state != state:
            self.pieces += 1
            former = former and _read_on(former, path, state, events)
            self._logs[path] = former = former or _read_anew(path, state, events)
        return former.log, former.lines

    def batch(self, named: Mapping[Path, str], read: Callable[[Mapping[Path, str]], Log]) -> Log:
        """Return `read(named)`, the logs of these files, each with the name of its run.

        It is called again only when one of the files, or of the names, has changed.
        """
        now, key = [(_state(path), named[path]) for path in named], tuple(named)
        if key not in self._batches or self._batches[key][0] != now:
            self.pieces += 1
            self._batches[key] = (now, read(named))
        return self._batches[key][1]

    def answers(
        self, path: Path, run_id: str, checksum: str | None, logged: pl.DataFrame
    ) -> predictions.Answers:
        """Read a file of predictions as `predictions.read_file` does, if anything has changed."""
        now = (_state(path), run_id, checksum, logged.rows())
        if path not in self._answers or self._answers[path][0] != now:
            self.pieces += 1
            self._answers[path] = (now, predictions.read_file(path, run_id, checksum, logged))
        return self._answers[path][1]


def _state(path: Path) -> _State:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _read_anew(path: Path, state: _State, events: Collection[str] | None) -> _Read:
    data = _whole_lines(contents(path))
    return _Read(state, len(data), _needed(data), jsonl.read(str(path), data, events))


def _read_on(
    former: _Read, path: Path, state: _State, events: Collection[str] | None
) -> _Read | None:
    """Read what was appended to a log; None where all of it must be read again."""
    if not _is_plain(former.log) or (new := _new_lines(path, former)) is None:
        return None
    data = former.lines + new
    log = jsonl.read(str(path), data, events)
    if not _is_plain(log):
        return None
    metrics = pl.concat([former.log.metrics, log.metrics])
    metrics = metrics.unique(METRIC_KEY, keep="last", maintain_order=True)
    return _Read(state, former.size + len(new), _needed(data), replace(log, metrics=metrics))


def _new_lines(path: Path, former: _Read) -> bytes | None:
    """Read the whole lines that were appended; None where the file was replaced.

    Raises `AnalysisError` where it cannot be read.
    """
    first = former.lines[: former.lines.find(b"\n") + 1]
    try:
        with path.open("rb") as file:
            if file.read(len(first)) != first or file.seek(0, 2) < former.size:
                return None
            file.seek(former.size)
            return _whole_lines(file.read())
    except OSError as error:
        raise AnalysisError(f"{path}: cannot be read ({error.strerror})") from None


def _whole_lines(data: bytes) -> bytes:
    return data[: data.rfind(b"\n") + 1]


def _needed(data: bytes) -> bytes:
    """Select the lines that must be read together with later ones.

    The first tells the format, the last tells the time, and events about the run are read as one.
    """
    lines = data.splitlines(keepends=True)
    middle = [line for line in lines[1:-1] if any(mark in line for mark in _MARKS)]
    return b"".join([*lines[:1], *middle, *lines[1:][-1:]])


def _is_plain(log: Log) -> bool:
    """Return whether a log is one run, of which every line could be read."""
    return log.runs.height == 1 and log.rejected.is_empty() and not log.notes
