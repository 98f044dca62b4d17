"""The run log: one JSON object a line, appended and flushed as it happens, never rewritten."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from commandline import RunError

SCHEMA = 1


class RunLog:
    """The log of one run, `<log_dir>/<run_id>.jsonl`.

    Every line carries event, run_id, time (ISO 8601, UTC) and schema. A number that is not finite
    is written as null, and the line's `nonfinite` names the field.
    """

    def __init__(self, log_dir: Path, run_id: str) -> None:
        """Create the file. Raises `RunError` where it exists or cannot be written."""
        self.run_id = run_id
        self.path = log_dir / f"{run_id}.jsonl"
        try:
            log_dir.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("x", encoding="utf-8")
        except FileExistsError:
            raise RunError(
                f"--run_id={run_id}: {self.path} exists already; choose another run_id"
            ) from None
        except OSError as error:
            raise RunError(f"--log_dir={log_dir}: cannot be written ({error.strerror})") from None

    def write(self, event: str, **fields: Any) -> None:
        """Append one event as one whole line."""
        nonfinite: list[str] = []
        finite = {name: _finite(value, name, nonfinite) for name, value in fields.items()}
        record: dict[str, Any] = {
            "event": event,
            "run_id": self.run_id,
            "time": datetime.now(UTC).isoformat(),
            "schema": SCHEMA,
            **finite,
        }
        if nonfinite:
            record["nonfinite"] = nonfinite
        # One write call a line: a reader, or a crash, meets whole lines.
        self._file.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")
        self._file.flush()

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()


def new_run_id(variant: str, seed: int) -> str:
    """A readable name: UTC time to the second, canonical variant, seed."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}_{variant}_s{seed}"


def _finite(value: Any, name: str, nonfinite: list[str]) -> Any:
    """`value` with each non-finite float replaced by None, and `name` noted where one was."""
    if isinstance(value, dict):
        return {key: _finite(item, f"{name}.{key}", nonfinite) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item, name, nonfinite) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        if name not in nonfinite:
            nonfinite.append(name)
        return None
    return value
