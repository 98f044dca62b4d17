"""A run that is killed again and again ends as if nothing had happened, bit for bit.

A short form by default; `make torture` kills at least fifty times, and at every file operation.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from forking import Forking, moments
from jobs import OF_SPEED

from biencoder.data import corpus
from biencoder.storage import checkpoint

ROOT = Path(__file__).parents[1]
#: Kills at random moments; 0: only the four at file operations.
KILLS = int(os.environ.get("TORTURE_KILLS", "0"))

#: What differs between two runs of one seed: when, and how fast.
OF_THE_MOMENT = {"time", "seconds", *OF_SPEED}
#: Files that tell when, and how long it took; the checksums are theirs.
OF_THE_TIME = {"state.json", "checksums.json"}
#: Events that tell of the interruptions themselves.
OF_INTERRUPTIONS = {"resume", "checkpoint"}


def command(tiny_encoder):
    return [
        *(sys.executable, str(ROOT / "train.py"), "--run_id=run", "--resume=auto"),
        *(f"--encoder={tiny_encoder}", "--max_length=24", "--epochs=4", "--device=cpu"),
        *("--recipe=documented", "--batch_size=8", "--lr=1e-4"),
        *("--checkpoint_every=3steps", "--log_every=2", "--seed=1"),
    ]


def start(tiny_encoder, folder):
    folder.mkdir(exist_ok=True)
    # One thread: with two, the sums of a matrix product may come in another order.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "BIENCODER_COMMIT": "the same"}
    with (folder / "output.txt").open("a") as output:
        return subprocess.Popen(
            command(tiny_encoder), cwd=folder, env=environment, stdout=output, stderr=output
        )


def strike(process, folder, number, rng):
    """Send the signal at a random moment between the first new line of the log and the end."""
    log = folder / "logs" / "run.jsonl"
    length = log.stat().st_size if log.exists() else 0
    while process.poll() is None and (not log.exists() or log.stat().st_size == length):
        time.sleep(0.005)
    time.sleep(rng.uniform(0, 1.5))
    process.send_signal(number)
    return process.wait()


def facts(folder):
    """The log by its reader's rule: of records for the same thing, the last one counts."""
    kept = {}
    for line in (folder / "logs" / "run.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)  # every line is whole
        key = tuple(record.get(name) for name in ("event", "epoch", "step", "split", "pool"))
        kept[key] = {name: record[name] for name in record.keys() - OF_THE_MOMENT}
    return {key: record for key, record in kept.items() if key[0] not in OF_INTERRUPTIONS}


def weights(folder):
    run = folder / "checkpoints" / "run"
    index = json.loads((run / "checkpoints.json").read_text())
    return {role: (run / name / "model.safetensors").read_bytes() for role, name in index.items()}


@pytest.mark.skipif(not KILLS, reason="make torture kills at random moments, too")
def test_a_run_killed_at_random_moments_ends_bit_for_bit_as_if_it_had_not_been(
    tiny_encoder, tmp_path
):
    untouched = tmp_path / "untouched"
    assert start(tiny_encoder, untouched).wait() == 0
    rng = random.Random(0)
    kills, attempt = 0, 0
    while kills < KILLS:
        attempt += 1
        folder = tmp_path / f"killed{attempt}"
        status = None
        while status != 0:
            process = start(tiny_encoder, folder)
            if kills >= KILLS:
                status = process.wait()
                assert status == 0, (folder / "output.txt").read_text()
                continue
            number = signal.SIGKILL if kills % 2 == 0 else signal.SIGTERM
            status = strike(process, folder, number, rng)
            # −15 is a SIGTERM that struck after the work was done, while Python shut down.
            expected = (0, -signal.SIGKILL, 143, -signal.SIGTERM)
            assert status in expected, (folder / "output.txt").read_text()
            kills += status != 0
        assert facts(folder) == facts(untouched)
        assert weights(folder) == weights(untouched)
    print(f"{kills} kills over {attempt} runs")


@pytest.fixture
def debates(tmp_path):
    """A corpus of one debate a split."""
    sample = Path(corpus.__file__).parent / "sample_corpus"
    for split in ("training", "validation", "test"):
        debate = min((sample / split).glob("*/*"))
        shutil.copytree(debate, tmp_path / "debates" / debate.relative_to(sample))
    return tmp_path / "debates"


def left(folder):
    """What a run leaves, but for the log: its files, with the content of those that do not tell
    the time it took.
    """
    files = (path for path in folder.rglob("*") if path.is_file())
    content = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in files
        if path.parent != folder and path.suffix != ".jsonl"
    }
    return content | {name: b"" for name in content if Path(name).name in OF_THE_TIME}


def test_a_run_killed_at_any_file_operation_ends_bit_for_bit_as_if_it_had_not_been(
    tiny_encoder, debates, tmp_path
):
    flags = {"data_dir": str(debates), "encoder": str(tiny_encoder), "max_length": 24}
    flags |= {"recipe": "documented", "batch_size": 2, "lr": 1e-4, "device": "cpu", "seed": 1}
    flags |= {"epochs": 2, "checkpoint_every": "2steps", "log_every": 1}
    with Forking(flags) as jobs:
        untouched = tmp_path / "untouched"
        assert jobs.run(untouched, flags) == [0]
        names, expected = moments(untouched), left(untouched)
        every = 1 if KILLS > 20 else len(names) // 4
        for number in range(0, len(names), every):
            folder = tmp_path / f"killed{number}"
            assert jobs.run(folder, flags, kill_at=number) == [-signal.SIGKILL]
            assert jobs.run(folder, flags) == [0], (folder / "output.txt").read_text()
            where = f"killed at moment {number}, {names[number]}"
            assert left(folder) == expected, where
            assert facts(folder) == facts(untouched), where
            for saved in (folder / "checkpoints" / "run").glob("epoch-*"):
                checkpoint.verify(saved)
            shutil.rmtree(folder)
        print(f"killed at {len(range(0, len(names), every))} of {len(names)} moments")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_a_checkpoint_and_says_so_in_the_log(tiny_encoder, tmp_path, number):
    process, log = start(tiny_encoder, tmp_path), tmp_path / "logs" / "run.jsonl"
    # Before the first step there is nothing to go on with.
    while not (log.exists() and '"event": "step"' in log.read_text()):
        assert process.poll() is None, (tmp_path / "output.txt").read_text()
        time.sleep(0.005)
    process.send_signal(number)
    assert process.wait() == 128 + number
    lines = log.read_text().splitlines()
    end = json.loads(lines[-1])
    assert (end["event"], end["status"]) == ("run_end", "interrupted")
    assert end["reason"] == f"interrupted by {number.name}"
    assert json.loads(lines[-2])["event"] == "checkpoint"
