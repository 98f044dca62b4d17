"""Writes the run log, one JSON object a line."""

import fcntl
import json
import math
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from biencoder.errors import NOT_OFFERED, RunError
from biencoder.runtime.console import say
from biencoder.runtime.main_process import is_main_process
from biencoder.storage import events
from biencoder.storage.atomic import flush
from biencoder.storage.events import SCHEMA, Event
from biencoder.storage.former_run import is_completed
from biencoder.storage.progress import Progress


class RunLog:
    """The log of one run, `<log_dir>/<run_id>.jsonl`, held by one process at a time.

    On processes other than the main one nothing is opened or written.

    Every line carries event, run_id, time (ISO 8601, UTC) and schema. A number that is not finite
    is written as null, and the line's `nonfinite` names the field.
    """

    def __init__(self, log_dir: Path, run_id: str, *, resumed: bool = False) -> None:
        """Create the file, or with `resumed` go on with it.

        Raises `RunError` where a new run's file exists, where another process holds it, or where
        it cannot be written.
        """
        self.run_id = run_id
        self.path = log_dir / f"{run_id}.jsonl"
        #: Whether the file system keeps other processes from writing the same log.
        self.is_locked = True
        self._descriptor: int | None = None
        if is_main_process():
            self._descriptor = self._open(resumed)

    def _open(self, resumed: bool) -> int:
        """Open and lock the file; never through a link, which somebody else may have planted."""
        mode = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, mode, 0o644)
        except OSError as error:
            reason = "it is a link" if self.path.is_symlink() else error.strerror
            raise RunError(
                f"{self.path}: cannot be written ({reason}); choose another --log_dir"
            ) from None
        try:
            self._take(descriptor, resumed)
        except RunError:
            os.close(descriptor)
            raise
        return descriptor

    def _take(self, descriptor: int, resumed: bool) -> None:
        """Lock the file. Raises `RunError` where this process must not append to it."""
        try:
            # The lock dies with its holder, however that ends.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"--run_id={self.run_id}: another process is writing {self.path}; wait for it, or "
                "choose another run_id"
            ) from None
        except OSError as error:
            if error.errno not in NOT_OFFERED:
                raise RunError(f"{self.path}: cannot be locked ({error.strerror})") from None
            self.is_locked = False
        self._drop_torn_line(descriptor)
        if resumed and is_completed(self.path):
            raise RunError(f"run {self.run_id} was completed by another process in the meantime")
        if not resumed and os.fstat(descriptor).st_size:
            raise RunError(
                f"--run_id={self.run_id}: {self.path} exists already; choose another run_id, or go "
                "on with that run, if it is unfinished, by the flags that it was started with"
            )

    def write(self, event: Event) -> None:
        """Append one event as one whole line. Raises `RunError` where the disk refuses it."""
        if self._descriptor is None:
            return
        nonfinite: list[str] = []
        fields = event.model_dump(exclude_unset=True)
        record: dict[str, Any] = {
            "event": event.name,
            "run_id": self.run_id,
            "time": datetime.now(UTC).isoformat(),
            "schema": SCHEMA,
            **{name: _finite(value, name, nonfinite) for name, value in fields.items()},
        }
        if nonfinite:
            record["nonfinite"] = nonfinite
        line = (json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n").encode()
        self._append(self._descriptor, line)

    def _append(self, descriptor: int, lines: bytes) -> None:
        """Append whole lines by one system call: a reader, or a crash, meets no part of one."""
        try:
            written = os.write(descriptor, lines)
        except OSError as error:
            raise RunError(f"{self.path}: cannot be written ({error.strerror})") from None
        if written < len(lines):
            os.ftruncate(descriptor, os.fstat(descriptor).st_size - written)
            raise RunError(f"{self.path}: cannot be written (the disk is full)")

    def synchronise(self) -> bool:
        """Let what was written outlast a power cut; returns whether the file had been removed, and
        was written again. Raises `RunError` where another one has its place.
        """
        if self._descriptor is None:
            return False
        is_removed = not self.path.exists()
        try:
            if is_removed:
                removed, self._descriptor = self._descriptor, None
                content = os.pread(removed, os.fstat(removed).st_size, 0)
                os.close(removed)
                self._descriptor = self._open(resumed=False)
                self._append(self._descriptor, content)
            elif not os.path.samestat(os.fstat(self._descriptor), self.path.stat()):
                raise RunError(f"{self.path}: another file took its place while the run wrote it")
            flush(self.path)
            flush(self.path.parent)
        except OSError as error:
            raise RunError(f"{self.path}: cannot be written ({error.strerror})") from None
        return is_removed

    def warn(self, progress: Progress, message: str, action: str, **details: Any) -> None:
        """Log a warning of this point of the run, and print it."""
        place = {"epoch": progress.epoch, "step": progress.step}
        self.write(events.Warning(message=message, action=action, **{**place, **details}))
        say(f"warning: {message}; {action}")

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    def _drop_torn_line(self, descriptor: int) -> None:
        """Truncate an unfinished last line, left by a full disk or a crash."""
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        torn, ours = content[whole:], b'{"event": "'
        if torn and (torn.startswith(ours) or ours.startswith(torn)):
            os.ftruncate(descriptor, whole)


def new_run_id(variant: str, seed: int) -> str:
    """Make a unique readable name: UTC time, canonical variant, seed, six hexadecimal digits."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}_{variant}_s{seed}_{secrets.token_hex(3)}"


def _finite(value: Any, name: str, nonfinite: list[str]) -> Any:
    """Replace each non-finite float of `value` by None, and add `name` to `nonfinite`."""
    if isinstance(value, dict):
        return {key: _finite(item, f"{name}.{key}", nonfinite) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item, name, nonfinite) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        if name not in nonfinite:
            nonfinite.append(name)
        return None
    return value
