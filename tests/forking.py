"""Runs the job again and again, each run forked from one process that has imported everything.

That spares a run most of its time. It may be killed at a chosen file operation, and be shared by
several processes, as `torchrun` starts them. `Forking` starts the process and tells it what to run.
"""

import builtins
import contextlib
import functools
import importlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parents[1]

#: Calls that change what lies on the disk.
CALLS = ("mkdir", "rmdir", "rename", "replace", "unlink", "remove", "fsync", "ftruncate")


class Forking:
    """Runs of the job, each in a folder of its own; `first` are the flags of one that is tried at
    the start, for what it imports.
    """

    def __init__(self, first: Mapping[str, Any]) -> None:
        environment = os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
        self.server = subprocess.Popen(
            [sys.executable, __file__, json.dumps(first)],
            env=environment | {"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Forking":
        return self

    def __exit__(self, *_: object) -> None:
        self.server.communicate()

    def run(
        self,
        folder: Path,
        flags: Mapping[str, Any],
        *,
        kill_at: int | None = None,
        processes: int = 1,
        code: str = "",
    ) -> list[int]:
        """Run the job in `folder`; returns the exit status of each process, −9 of one killed.

        With `kill_at` it is killed at that moment, of those that `moments` counts; `code` is run in
        each process first, whose number it finds as `rank`.
        """
        folder.mkdir(exist_ok=True)
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        order = [str(folder), dict(flags), kill_at, processes, code]
        print(json.dumps(order), file=self.server.stdin, flush=True)
        statuses: list[int] = json.loads(self.server.stdout.readline())
        return statuses


def moments(folder: Path) -> list[str]:
    """The moments of the run that ended in `folder`, each named by its call."""
    names: list[str] = json.loads((folder / "moments.json").read_text())
    return names


def _serve(first: dict[str, Any]) -> None:
    """Fork the runs that standard input orders, one a line, and print their exit statuses."""
    # What a run imports is imported here, once. The run itself is a fork, too: polars starts
    # threads, which a fork of this process would not have.
    with tempfile.TemporaryDirectory() as folder:
        imported = Path(folder) / "imported.json"
        process = os.fork()
        if process == 0:
            with contextlib.redirect_stdout(sys.stderr):
                _train(Path(folder), first | {"epochs": 0})
            imported.write_text(json.dumps(list(sys.modules)))
            os._exit(0)
        if status := os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]):
            sys.exit(f"the first run failed with status {status}")
        for name in json.loads(imported.read_text()):
            with contextlib.suppress(ImportError):
                importlib.import_module(name)
    for line in sys.stdin:
        folder, flags, kill_at, count, code = json.loads(line)
        shared = {} if count == 1 else _meeting(count)
        processes = []
        for rank in range(count):
            processes.append(os.fork())
            if processes[-1] == 0:
                os.environ |= shared | ({"RANK": str(rank)} if shared else {})
                _job(Path(folder), flags, kill_at, code=code, rank=rank)
        # Whichever ends first: one that nobody waits for looks alive to the others.
        ended = dict(os.wait() for _ in processes)
        print([os.waitstatus_to_exitcode(ended[process]) for process in processes], flush=True)


def _meeting(count: int) -> dict[str, str]:
    """Where the processes of a run meet, as `torchrun` tells them."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    return {"WORLD_SIZE": str(count), "MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}


def _job(
    folder: Path, flags: dict[str, Any], kill_at: int | None, code: str, rank: int
) -> NoReturn:
    output = os.open(folder / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    status = 1
    try:
        exec(code, {"rank": rank})  # noqa: S102 - a test's own code
        passed = _counted(kill_at)
        status = _train(folder, flags)
        if rank == 0:
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
