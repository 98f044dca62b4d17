"""Train the four variants with every seed, and say what they came to: one study.

make ablation                                          # three seeds of each, on the sample corpus
make ablation RECIPE=documented SEEDS="0 1 2 3 4" JOBS=2
make ablation NAME=mine ARGS="--data_dir=arguana-counterargs --epochs=3"

Each run has a name, so that the same command, started again, goes on where it was: completed runs
are passed over, and an interrupted one is taken up again.
"""

import commandline  # first: it says in one line what is not installed

# isort: split
import functools
import hashlib
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from statistics import fmean
from subprocess import PIPE, STDOUT
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from analysis.errors import AnalysisError
from analysis.readers import logs
from biencoder.config import NOT_DECIDING, Config
from biencoder.errors import RunError
from biencoder.runtime.signals import SIGNALS
from biencoder.variants import VARIANTS

#: Seconds between two looks at the runs that are going on.
PAUSE = 0.2

TRAIN = [sys.executable, str(Path(__file__).with_name("train.py"))]

#: Flags that change a run's result, though its identity has digests in their place.
NAMES_OF_CONTENT = {"encoder", "layers", "init_from"}


class Options(BaseModel):
    """Train the four variants with every seed, `--jobs` runs at a time, then print the summary and
    the effects of the study. Started again, it goes on where it was.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        examples=["strong", "mine-2.1"],
        description="Beginning of the runs' names: letters, digits, '.', '-' and '_'; unset: made "
        "of the recipe and of what args holds.",
    )
    recipe: str | None = Field(None, description="The recipe of train; unset: its default.")
    seeds: str = Field(
        "0 1 2",
        pattern=r"^ *\d+( +\d+)* *$",
        examples=["'0 1 2'"],
        description="Whole numbers with spaces between.",
    )
    jobs: int = Field(
        1, ge=1, description="Runs at a time; several share the CPU's cores between them."
    )
    args: str | None = Field(None, description="Further flags of train, as one text.")


class Job(NamedTuple):
    """One run of train."""

    name: str  # its variant and seed
    run_id: str
    flags: list[str]


@dataclass
class Queue:
    """The runs of a study: waiting, going on, and how long those that are over took."""

    jobs: int  # runs at a time
    count: int  # of all runs of the study
    waiting: list[Job]
    seconds: list[float]
    running: dict["subprocess.Popen[str]", tuple[Job, float]] = field(default_factory=dict)

    def run(self) -> tuple[int, list[str]]:
        """Run all; returns the exit status and the names of the runs that failed.

        A signal, to this process or to one of the runs, ends them all, each with a checkpoint.
        """
        failed: list[str] = []
        received: list[int] = []  # only noted, so that none arrives between a run's start and ours
        former = {
            number: signal.signal(number, lambda number, _: received.append(number))
            for number in SIGNALS
            if signal.getsignal(number) != signal.SIG_IGN  # which stays, as SIGHUP's under nohup
        }
        try:
            while self.waiting or self.running:
                while self.waiting and len(self.running) < self.jobs:
                    self.start(self.waiting.pop(0))
                time.sleep(PAUSE)
                if received:
                    return 128 + received[0], failed
                for process in [p for p in self.running if p.poll() is not None]:
                    (job, started), status = self.running.pop(process), _status(process.returncode)
                    if status == 0:
                        self.seconds.append(time.monotonic() - started)
                    elif status == 1:
                        failed.append(job.name)
                    else:
                        return status, failed
            return int(bool(failed)), failed
        finally:
            for number in former:
                signal.signal(number, signal.SIG_IGN)  # a second one would cost the checkpoints
            for process in self.running:
                process.terminate()
            for process in self.running:
                process.wait()
            for number, handler in former.items():
                signal.signal(number, handler)

    def start(self, job: Job) -> None:
        """Start a run, and say how many are left and when they will be done."""
        left = len(self.waiting) + len(self.running) + 1
        # One string: print writes an end of its own separately, and a run's line may come between.
        print(
            f"== {job.name}: {left} of {self.count} runs left, {self.end()}\n", end="", flush=True
        )
        several = self.jobs > 1
        threads = str(max(1, _cores() // self.jobs))
        process = subprocess.Popen(  # noqa: S603  # our own command
            [*TRAIN, *job.flags],
            env={"OMP_NUM_THREADS": threads} | os.environ if several else None,
            stdout=PIPE if several else None,
            stderr=STDOUT if several else None,
            text=True,
            start_new_session=True,  # a terminal's Ctrl-C reaches this process alone
        )
        if several:
            threading.Thread(target=_show, args=(process, job.name)).start()
        self.running[process] = (job, time.monotonic())

    def end(self) -> str:
        """Say when all will be done, by how long a run has taken so far."""
        if not self.seconds:
            return "no estimate before one is over"
        rounds = 1 + len(self.waiting) / self.jobs
        done = datetime.now() + timedelta(seconds=fmean(self.seconds) * rounds)
        return f"done about {done:%a %H:%M}"


def _cores() -> int:
    """Count the cores that this process may use; macOS knows only how many there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _show(process: "subprocess.Popen[str]", name: str) -> None:
    """Print what a run says, each line after the run's name."""
    for line in process.stdout or ():
        try:
            print(f"{name}: {line}", end="", flush=True)
        except OSError:  # read on: a run waits for ever where its pipe is full
            commandline.silence()


def ablation(options: Options) -> int:
    """Run what is left of the study, then summarise it; returns the exit status.

    That is 0, 1 where a run failed, and of a signal 128 + its number.
    """
    every = list(_jobs(options))
    configs = {job.run_id: commandline.parse(Config, job.flags) for job in every}
    log_dir = configs[every[0].run_id].log_dir
    paths = [log_dir / f"{run_id}.jsonl" for run_id in configs]
    seconds = _seconds_of_completed([path for path in paths if path.exists()], configs)
    waiting = [job for job in every if job.run_id not in seconds]
    status, failed = Queue(options.jobs, len(every), waiting, list(seconds.values())).run()
    if failed:
        print(f"failed: {' '.join(failed)}", file=sys.stderr)
    found = [str(path) for path in paths if path.exists()]
    if status > 1 or not found:
        return status
    out = log_dir / "plots" / every[0].run_id.removesuffix(f"-{every[0].name}")
    command = [sys.executable, "-m", "analysis.summary", *found, f"--out={out}"]
    summarised = subprocess.run(command)  # noqa: S603  # our own command
    return status or _status(summarised.returncode)


def _status(returncode: int) -> int:
    """Exit status of a process, 128 + the signal that ended it."""
    return returncode if returncode >= 0 else 128 - returncode


def _jobs(options: Options) -> Iterator[Job]:
    """Yield all runs of the study, seed after seed, so that each whole set can be compared.

    Raises `UsageError`.
    """
    try:
        passed_on = shlex.split(options.args or "")
    except ValueError as error:
        raise commandline.UsageError(f"--args={options.args}: {error}") from None
    flags = [word.partition("=")[0] for word in passed_on if word.startswith("--")]
    given = {flag[2:].replace("-", "_") for flag in flags}
    for flag in ("variant", "layernorm", "relu", "seed", "run_id", "resume"):
        if flag in given:
            raise commandline.UsageError(f"--args: --{flag} is what ablation sets; leave it out")
    recipe = [f"--recipe={options.recipe}"] if options.recipe else []
    digest = hashlib.sha256("\0".join(passed_on).encode()).hexdigest()[:6] if passed_on else ""
    made = "-".join(filter(None, ("ablation", options.recipe, digest)))
    for seed in dict.fromkeys(options.seeds.split()):
        for variant in VARIANTS:
            name = f"{variant}-seed{seed}"
            run_id = f"{options.name or made}-{name}"
            own = [f"--variant={variant}", f"--seed={seed}", f"--run_id={run_id}"]
            yield Job(name, run_id, [*recipe, *own, *passed_on])


def _seconds_of_completed(paths: list[Path], configs: Mapping[str, Config]) -> dict[str, float]:
    """Map the runs that are completed, by these logs, to the seconds that they took.

    Raises `UsageError` where one was trained by other flags than those of `configs`.
    """
    try:
        runs = logs.read(paths, events=()).runs.filter(status="completed")
    except AnalysisError:  # no log yet, or none with a whole line
        return {}
    found = {}
    for run_id, seconds, *logged in runs.select("run_id", "seconds", "config", "decides").rows():
        if run_id in configs:  # a file may be the renamed log of another run
            flags, decided = (json.loads(text or "{}") for text in logged)
            _check_flags(run_id, flags, decided, configs[run_id])
            found[run_id] = seconds or 0.0
    return found


def _check_flags(
    run_id: str, logged: Mapping[str, object], decided: Mapping[str, object], config: Config
) -> None:
    """Check that a completed run's flags are `config`, as far as its version had them.

    A flag may also name what 'auto' became there, and a corpus may have moved or be gone.
    """
    flags = config.model_dump(mode="json", exclude=NOT_DECIDING - NAMES_OF_CONTENT)
    for flag, value in flags.items():
        given = logged.get(flag, value)
        if value not in (given, decided.get(flag, given)):
            raise commandline.UsageError(
                f"--{flag}={value}: {run_id} is completed, with --{flag}={given}; add that to "
                "--args, or choose another --name"
            )

    place = config.data_dir
    if place is None or place.exists():
        if decided.get("corpus") not in (None, _digest(place, config.columns)):
            raise commandline.UsageError(
                f"--data_dir={place}: {run_id} is completed, on another corpus; choose another "
                "--name"
            )


@functools.cache
def _digest(data_dir: Path | None, columns: str | None) -> str:
    from biencoder.data import corpus  # not at once: pandas takes a second

    return corpus.load(data_dir, "keep", columns).digest


def main() -> None:
    """Run `python ablation.py`."""
    commandline.main(
        ablation, Options, prog="python ablation.py", failures=(AnalysisError, RunError)
    )


if __name__ == "__main__":
    main()
