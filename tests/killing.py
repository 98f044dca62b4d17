"""Runs the job again and again, to be killed at a chosen file operation.

The runs are forked from one process that has imported everything, which spares them most of their
time. `Killing` starts that process and tells it what to run.
"""

import builtins
import contextlib
import functools
import importlib
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parents[1]

#: Calls that change what lies on the disk.
CALLS = ("mkdir", "rmdir", "rename", "replace", "unlink", "remove", "fsync", "ftruncate")


class Killing:
    """Runs of the job with the same flags, each in a folder of its own."""

    def __init__(self, flags: dict[str, Any]) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
        self.server = subprocess.Popen(
            [sys.executable, __file__, json.dumps(flags)],
            env=environment | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Killing":
        return self

    def __exit__(self, *_: object) -> None:
        self.server.communicate()

    def run(self, folder: Path, kill_at: int | None = None) -> int:
        """Run the job in `folder`; returns its exit status, −9 where it was killed.

        With `kill_at` it is killed at that moment, of those that `moments` counts.
        """
        folder.mkdir(exist_ok=True)
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        print(json.dumps([str(folder), kill_at]), file=self.server.stdin, flush=True)
        return int(self.server.stdout.readline())


def moments(folder: Path) -> list[str]:
    """The moments of the run that ended in `folder`, each named by its call."""
    names: list[str] = json.loads((folder / "moments.json").read_text())
    return names


def _serve(flags: dict[str, Any]) -> None:
    """Fork a run for each line of standard input, and print its exit status."""
    # What a run imports is imported here, once. The run itself is a fork, too: polars starts
    # threads, which a fork of this process would not have.
    with tempfile.TemporaryDirectory() as folder:
        imported = Path(folder) / "imported.json"
        process = os.fork()
        if process == 0:
            with contextlib.redirect_stdout(sys.stderr):
                _train(Path(folder), flags | {"epochs": 0})
            imported.write_text(json.dumps(list(sys.modules)))
            os._exit(0)
        if status := os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]):
            sys.exit(f"the first run failed with status {status}")
        for name in json.loads(imported.read_text()):
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    for line in sys.stdin:
        folder, kill_at = json.loads(line)
        process = os.fork()
        if process == 0:
            _job(Path(folder), flags, kill_at)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


def _job(folder: Path, flags: dict[str, Any], kill_at: int | None) -> NoReturn:
    output = os.open(folder / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    passed = _counted(kill_at)
    status = 1
    try:
        status = _train(folder, flags)
        (folder / "moments.json").write_text(json.dumps(passed))
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(status)


def _train(folder: Path, flags: dict[str, Any]) -> int:
    from biencoder.config import Config
    from biencoder.runtime.signals import Interruption
    from biencoder.training import beginning, run

    os.chdir(folder)
    # Without --run_id the job itself must find what it has to go on with.
    beginning.new_run_id = lambda *_: "run"
    return run.train(Config(**flags), Interruption()).status


def _counted(kill_at: int | None) -> list[str]:
    """Name every moment of this process from now on, and have it killed when `kill_at` have passed.

    A moment is before each file operation, and amid each that writes.
    """
    import polars as pl
    import safetensors.torch
    import tokenizers

    passed: list[str] = []

    def is_killed() -> bool:
        return len(passed) == kill_at

    def moment(name: str) -> None:
        if is_killed():
            os.kill(os.getpid(), signal.SIGKILL)
        passed.append(name)

    def before(place: Any, name: str, counts: Callable[..., bool] = lambda *_, **__: True) -> None:
        call = getattr(place, name)

        @functools.wraps(call)
        def counted(*args: Any, **kwargs: Any) -> Any:
            if counts(*args, **kwargs):
                moment(name)
            return call(*args, **kwargs)

        setattr(place, name, counted)

    def amid(place: Any, name: str, argument: int) -> None:
        """Let a library's writer leave half a file; its path is an argument."""
        call = getattr(place, name)

        @functools.wraps(call)
        def counted(*args: Any, **kwargs: Any) -> Any:
            moment(name)
            result = call(*args, **kwargs)
            if is_killed():
                os.truncate(args[argument], Path(args[argument]).stat().st_size // 2)
            moment(f"amid {name}")
            return result

        setattr(place, name, counted)

    def write(descriptor: int, line: bytes, call: Callable[[int, bytes], int] = os.write) -> int:
        moment("write")
        if is_killed():
            call(descriptor, line[: len(line) // 2])
        moment("amid write")
        return call(descriptor, line)

    for name in CALLS:
        before(os, name)
    before(os, "open", lambda path, flags, *_, **__: flags & (os.O_WRONLY | os.O_RDWR) > 0)
    for place in (io, builtins):
        before(place, "open", lambda path, mode="r", *_, **__: bool(set(mode) & set("wax+")))
    os.write = write
    amid(safetensors.torch, "serialize_file", 1)
    amid(tokenizers.Tokenizer, "save", 1)
    amid(pl.DataFrame, "write_parquet", 1)
    return passed


if __name__ == "__main__":
    _serve(json.loads(sys.argv[1]))
