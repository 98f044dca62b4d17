"""The four variants with every seed: what is started, what is said, what is left."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ablation
from biencoder.data import corpus

ROOT = Path(__file__).parents[1]

#: A train that takes no time: it writes a log of the format that analysis reads.
FAKE = """
import json, os, sys, time
flags = dict(word[2:].split("=", 1) for word in sys.argv[1:])
print("threads", os.environ.get("OMP_NUM_THREADS"), flush=True)
if flags["variant"] == "with_relu" and os.environ.get("FAILS"):
    sys.exit(int(os.environ["FAILS"]))
frame = {"run_id": flags["run_id"], "time": "2026-11-26T12:00:00+00:00", "schema": 2}
variant = flags["variant"]
config = {
    "layernorm": variant.startswith("with_layernorm"),
    "relu": variant in ("with_relu", "with_layernorm_relu"),
    "data_dir": flags.get("data_dir"),
    "epochs": int(flags.get("epochs", 1)),
    "layers": None,
    "precision": "auto",
}
decides = {"precision": "bfloat16", "corpus": os.environ["DIGEST"]}
end = {"event": "run_end", "status": "completed", "seconds": 3600.0}
records = [
    {"event": "run_start", "config": config, "decides": decides, "seed": int(flags["seed"])},
    {"event": "eval", "epoch": 1, "step": 1, "split": "validation", "top1": 0.5, "n": 10},
    end,
]
path = os.path.join(flags["log_dir"], flags["run_id"] + ".jsonl")
os.makedirs(flags["log_dir"], exist_ok=True)
with open(path, "w") as file:
    file.writelines(json.dumps({**frame, **record}) + "\\n" for record in records)
"""


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """`run(*arguments, **environment)`: the command with a `train` that takes no time."""
    (tmp_path / "fake.py").write_text(FAKE)
    code = f"import ablation, sys; ablation.TRAIN = [sys.executable, {str(tmp_path / 'fake.py')!r}]"

    def build(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        logs = f"--args=--log_dir={tmp_path / 'logs'}"
        given = arguments if any(a.startswith("--args") for a in arguments) else (*arguments, logs)
        return subprocess.run(
            [sys.executable, "-c", f"{code}; ablation.main()", *given],
            cwd=ROOT,
            env=os.environ | {"DIGEST": corpus.load(None, "keep").digest} | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return build


def test_it_says_at_each_start_how_many_runs_are_left_and_ends_with_the_summary(
    run: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    ended = run("--name=mine", "--seeds=0 1")
    assert ended.returncode == 0, ended.stderr
    starts = re.findall(r"^== (.*): (\d) of 8 runs left, (.*)$", ended.stdout, re.MULTILINE)
    assert [int(left) for _, left, _ in starts] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert [name for name, _, _ in starts[3:5]] == [
        "without_layernorm_relu-seed0",
        "with_layernorm_relu-seed1",
    ]
    assert starts[0][2] == "no estimate before one is over"
    assert all(re.fullmatch(r"done about \w+ \d\d:\d\d", end) for _, _, end in starts[1:])
    summary = ended.stdout[ended.stdout.rindex("==") :]
    assert "8 runs of 4 configurations" in summary
    assert "on test can be estimated" in summary
    assert (tmp_path / "logs/plots/mine/summary.tex").exists()


def test_started_again_it_passes_over_what_is_completed(
    run: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    run("--seeds=0")
    (unfinished,) = (tmp_path / "logs").glob("ablation-*-with_relu-seed0.jsonl")
    unfinished.write_text("".join(unfinished.read_text().splitlines(keepends=True)[:-1]))
    again = run("--seeds=0")
    # The others took an hour each, as their logs say.
    assert re.findall("^== .*$", again.stdout, re.MULTILINE)[0].startswith(
        "== with_relu-seed0: 1 of 4 runs left, done about "
    )
    assert again.stdout.count("==") == 1
    assert run("--seeds=0").stdout.startswith("sample corpus: 4 runs of 4 configurations")


def test_a_run_that_was_killed_before_its_log_had_a_line_is_started_again(
    run: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/mine-with_layernorm_relu-seed0.jsonl").touch()
    ended = run("--name=mine", "--seeds=0")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("== with_layernorm_relu-seed0: 4 of 4 runs left")


def test_a_completed_run_of_other_flags_is_named_and_one_whose_corpus_moved_is_passed_over(
    run: Callable[..., "subprocess.CompletedProcess[str]"],
    call: Callable[..., tuple[int, str, str]],
    tmp_path: Path,
) -> None:
    study = ["--name=mine", "--seeds=0"]
    flags = f"--args=--log_dir={tmp_path / 'logs'}"
    run(*study, f"{flags} --epochs=3")
    status, printed, complaint = call(ablation.main, *study, f"{flags} --epochs=5")
    assert (status, printed) == (2, "")
    assert "--epochs=5: mine-with_layernorm_relu-seed0 is completed, with --epochs=3" in complaint
    _, _, complaint = call(ablation.main, *study, f"{flags} --epochs=3 --precision=float32")
    assert "--precision=float32" in complaint
    assert "is completed, with --precision=auto" in complaint
    named = run(*study, f"{flags} --epochs=3 --precision=bfloat16")
    assert (named.returncode, named.stdout.count("==")) == (0, 0)
    _, _, complaint = call(ablation.main, *study, f"{flags} --epochs=3 --layers=2")
    assert (
        "--layers=2: mine-with_layernorm_relu-seed0 is completed, with --layers=None" in complaint
    )
    (other := tmp_path / "other.csv").write_text("claim,rebuttal,split\nSo.,No.,train\n")
    _, _, complaint = call(ablation.main, *study, f"{flags} --epochs=3 --data_dir={other}")
    assert "other.csv: mine-with_layernorm_relu-seed0 is completed, on another corpus" in complaint
    moved = run(*study, f"{flags} --epochs=3 --data_dir=moved")
    assert (moved.returncode, moved.stdout.count("==")) == (0, 0)


def test_a_completed_run_whose_corpus_was_changed_in_its_place_is_named(
    run: Callable[..., "subprocess.CompletedProcess[str]"],
    call: Callable[..., tuple[int, str, str]],
    tmp_path: Path,
) -> None:
    (own := tmp_path / "own.csv").write_text("claim,rebuttal,split\nSo.,No.,train\n")
    study = ["--name=mine", f"--args=--log_dir={tmp_path / 'logs'} --data_dir={own}"]
    run(*study, "--seeds=0", DIGEST=corpus.load(own, "keep").digest)
    assert run(*study, "--seeds=0").stdout.count("==") == 0
    own.write_text("claim,rebuttal,split\nSo.,Not so.,train\n")
    _, _, complaint = call(ablation.main, *study, "--seeds=0 1")
    assert "own.csv: mine-with_layernorm_relu-seed0 is completed, on another corpus" in complaint


def test_a_completed_run_whose_log_has_lost_its_first_line_is_passed_over(
    run: Callable[..., "subprocess.CompletedProcess[str]"], tmp_path: Path
) -> None:
    study = ("--name=mine", "--seeds=0")
    run(*study)
    log = tmp_path / "logs" / "mine-with_relu-seed0.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[1:]))
    again = run(*study)
    assert (again.returncode, again.stdout.count("==")) == (0, 0)


def test_jobs_share_the_cores_and_say_whose_line_it_is(
    run: Callable[..., "subprocess.CompletedProcess[str]"],
) -> None:
    cores = max(2, ablation._cores())  # one run at a time leaves the threads alone
    printed = run("--seeds=0", f"--jobs={cores}").stdout
    names = re.findall(r"^(.*): threads 1$", printed, re.MULTILINE)
    assert sorted(names) == sorted(f"{variant}-seed0" for variant in ablation.VARIANTS)
    assert "threads 7" in run("--seeds=1", "--jobs=4", OMP_NUM_THREADS="7").stdout


def test_where_affinity_is_unknown_all_cores_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert ablation._cores() == 6


def test_a_run_that_fails_is_named_and_the_others_go_on(
    run: Callable[..., "subprocess.CompletedProcess[str]"],
) -> None:
    ended = run("--seeds=0 1", FAILS="1")
    assert ended.returncode == 1
    assert "failed: with_relu-seed0 with_relu-seed1" in ended.stderr
    assert "6 runs of 3 configurations" in ended.stdout


def test_a_signal_while_a_run_is_being_started_ends_that_run_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []

    class Signalled(subprocess.Popen):  # type: ignore[type-arg]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__([sys.executable, "-c", "import time; time.sleep(60)"])
            started.append(self)
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(subprocess, "Popen", Signalled)
    assert ablation.Queue(1, 1, [ablation.Job("a", "a", [])], []).run() == (143, [])
    assert [process.returncode for process in started] == [-signal.SIGTERM]


def test_a_run_that_was_stopped_ends_all(
    run: Callable[..., "subprocess.CompletedProcess[str]"],
) -> None:
    ended = run("--seeds=0 1", FAILS="143")
    assert ended.returncode == 143
    assert ended.stdout.count("==") == 3


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ("--args=--layernrom=False", "--layernrom: no such flag; did you mean --layernorm?"),
        ("--args=--run_id='x", "No closing quotation"),
        ("--args=--resume=never", "--args: --resume is what ablation sets"),
        ("--args=--seed=3", "--args: --seed is what ablation sets; leave it out"),
        ("--args=--run-id=x", "--args: --run_id is what ablation sets"),
        ("--args=--relu=False", "--args: --relu is what ablation sets"),
        ("--name=.x", "--name=.x does not fit"),
        ("--args=--help=x", "--help: no such flag (python"),
        ("--recipe=stong", "--recipe=stong: must be"),
        ("--jobs=0", "--jobs=0: must be greater than or equal to 1"),
        ("--seeds=0,1", "--seeds=0,1 does not fit: write it as '0 1 2'"),
        ("--epochs=3", "--epochs: no such flag (python"),
    ],
)
def test_a_wrong_flag_is_named_before_anything_runs(
    flags: str, line: str, call: Callable[..., tuple[int, str, str]]
) -> None:
    status, printed, complaint = call(ablation.main, flags)
    assert (status, printed) == (2, "")
    assert line in complaint


def test_other_flags_make_another_name() -> None:
    def first(**options: str) -> str:
        return next(ablation._jobs(ablation.Options(**options))).run_id

    assert first() == "ablation-with_layernorm_relu-seed0"
    assert first(recipe="documented") == "ablation-documented-with_layernorm_relu-seed0"
    others = {first(args=f"--epochs={number}") for number in (1, 2)}
    assert len(others) == 2
    assert first(name="mine", args="--epochs=1") == "mine-with_layernorm_relu-seed0"


def test_signals_are_handled_while_runs_go_on_alone_and_under_nohup_no_closed_terminal() -> None:
    def handlers() -> dict[int, object]:
        return {number: signal.getsignal(number) for number in ablation.SIGNALS}

    during = []

    class Observed(ablation.Queue):
        def start(self, job: ablation.Job) -> None:
            during.append(handlers())

    own = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_IGN,
        signal.SIGUSR1: signal.SIG_DFL,
        signal.SIGXCPU: signal.SIG_DFL,
    }
    former = {number: signal.signal(number, handler) for number, handler in own.items()}
    try:
        Observed(1, 1, [ablation.Job("a", "a", [])], []).run()
        assert handlers() == own
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
    (taken,) = during
    assert taken[signal.SIGHUP] == signal.SIG_IGN
    for number in (signal.SIGINT, signal.SIGUSR1, signal.SIGXCPU):
        assert taken[number] not in (own[number], signal.SIG_IGN)


def test_a_signal_lets_each_run_leave_a_checkpoint(tiny_encoder: Path, tmp_path: Path) -> None:
    flags = f"--encoder={tiny_encoder} --max_length=64 --epochs=500 --log_every=1"
    folders = f"--log_dir={tmp_path / 'logs'} --checkpoint_dir={tmp_path / 'checkpoints'}"
    paths = [tmp_path / "logs" / f"a-{v}-seed0.jsonl" for v in list(ablation.VARIANTS)[:2]]
    with subprocess.Popen(
        [sys.executable, "ablation.py", "--name=a", "--jobs=2", f"--args={flags} {folders}"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            while not all(
                path.exists() and '"event": "step"' in path.read_text() for path in paths
            ):
                assert not any((tmp_path / "logs").glob("a-with_relu-*"))  # both are going on
                assert process.poll() is None
                time.sleep(0.2)
        finally:
            process.terminate()
        printed, _ = process.communicate()
    assert process.returncode == 143
    assert printed.count("interrupted by SIGTERM") == 2
    for path in paths:
        assert '"status": "interrupted"' in path.read_text().splitlines()[-1]
        assert any((tmp_path / "checkpoints" / path.stem).iterdir())
