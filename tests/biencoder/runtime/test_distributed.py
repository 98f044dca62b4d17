"""Two processes that share a run on the CPU."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from forking import Forking
from safetensors.torch import load_file

from biencoder.errors import RunError
from biencoder.runtime import distributed
from biencoder.runtime.main_process import is_main_process

ROOT = Path(__file__).parents[3]
TORCHRUN = (
    *(sys.executable, "-m", "torch.distributed.run"),
    *("--standalone", "--local-addr=localhost", "--nproc-per-node=2", str(ROOT / "train.py")),
)


@pytest.fixture(scope="module")
def flags(tiny_encoder):
    """A run of 2 × 16 steps whose last batch of an epoch, of 3 pairs, is no multiple of 2.

    In float32: bfloat16 would round two processes' halves of a batch apart.
    """
    return {
        **{"encoder": str(tiny_encoder), "max_length": 24, "epochs": 2, "batch_size": 7},
        **{"log_every": 1, "device": "cpu", "precision": "float32", "run_id": "run"},
        **{"recipe": "documented", "in_batch_weight": 1, "listwise_weight": 1},
        "hubness_weight": 0.7,
        **{"lr_schedule": "linear", "lr": 1e-4, "head_lr": 1e-3, "first_epoch_evals": 2},
    }


@pytest.fixture(scope="module")
def jobs(flags):
    with Forking(flags) as jobs:
        yield jobs


def finish(statuses, folder):
    assert not any(statuses), (folder / "output.txt").read_text()
    return folder


def records(folder, *events):
    lines = (folder / "logs" / "run.jsonl").read_text("utf-8").splitlines()
    return [record for record in map(json.loads, lines) if record["event"] in events]


def tensors(folder, role, name):
    run = folder / "checkpoints" / "run"
    return load_file(run / json.loads((run / "checkpoints.json").read_text())[role] / name)


#: Every process leaves the negatives of each epoch in a file.
KEEPING_NEGATIVES = """
import numpy as np
from biencoder.training import trainer
mine = trainer.mine
def keep(split, sim, ratio, seed, epoch, *rest):
    mined = mine(split, sim, ratio, seed, epoch, *rest)
    np.save(f"negatives-{epoch}-{rank}.npy", mined.text_ids)
    return mined
trainer.mine = keep
"""


@pytest.fixture(scope="module")
def alone(jobs, flags, tmp_path_factory):
    """The folder of a run by one process."""
    folder = tmp_path_factory.mktemp("alone")
    return finish(jobs.run(folder, flags, code=KEEPING_NEGATIVES), folder)


@pytest.fixture(scope="module")
def together(jobs, flags, tmp_path_factory):
    """The folder of the same run shared by two."""
    folder = tmp_path_factory.mktemp("together")
    return finish(jobs.run(folder, flags, processes=2, code=KEEPING_NEGATIVES), folder)


def test_two_processes_lose_step_by_step_what_one_loses(alone, together):
    one, two = (records(folder, "step") for folder in (alone, together))
    assert len(one) == len(two) == 32
    for parts in zip(one, two, strict=True):
        for name in (
            "loss",
            "triplet_loss",
            "positive_loss",
            "negative_loss",
            "in_batch_loss",
            "listwise_loss",
        ):
            # Rounding grows from step to step.
            assert parts[0][name] == pytest.approx(parts[1][name], rel=1e-4, abs=1e-4)


def test_two_processes_that_cache_gradients_lose_what_one_loses_plainly(
    jobs, flags, alone, tmp_path
):
    finish(jobs.run(tmp_path, flags | {"gradient_cache": "on"}, processes=2), tmp_path)
    one, two = (
        [(record["loss"], record["grad_norm"]) for record in records(folder, "step")]
        for folder in (alone, tmp_path)
    )
    for parts in zip(one, two, strict=True):
        assert parts[0] == pytest.approx(parts[1], rel=1e-4, abs=1e-4)


def test_two_processes_find_the_figures_that_one_finds(alone, together):
    names = (
        "epoch",
        "step",
        "split",
        "pool",
        "top1",
        "hits",
        "n",
        "recall_at_10",
        "hard",
        "passed_over",
    )
    one, two = (
        [
            {name: record.get(name) for name in names}
            for record in records(folder, "eval", "untrained", "pools", "mine")
        ]
        for folder in (alone, together)
    )
    assert one == two
    assert len(one) == 3 + 10 + 24 + 2  # of the evaluations one is within the first epoch


@pytest.mark.parametrize("epoch", [0, 1])
def test_both_processes_train_on_the_negatives_that_one_mines(alone, together, epoch):
    one, *two = (
        np.load(folder / f"negatives-{epoch}-{rank}.npy").tolist()
        for folder, rank in ((alone, 0), (together, 0), (together, 1))
    )
    assert two == [one, one]


def test_one_log_tells_of_both(together):
    (opened,) = records(together, "run_start")
    assert opened["processes"] == 2
    (closed,) = records(together, "run_end")
    assert closed["status"] == "completed"
    assert [path.name for path in (together / "logs").glob("*.jsonl")] == ["run.jsonl"]


#: Process 1 does something else at the third step.
BREAKING = """
import os, signal
from biencoder.training import objective
step, calls = objective.triplet_losses, []
def act(*args):
    calls.append(1)
    if rank == 1 and len(calls) == 3:
        {act}
    return step(*args)
objective.triplet_losses = act
"""


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        ("raise ValueError('a fault of its own')", "process 1 failed: a fault of its own"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "process 1 was killed, or ran out of memory"),
    ],
)
def test_a_failed_process_ends_the_job_and_the_log_says_which(jobs, flags, tmp_path, act, reason):
    assert all(jobs.run(tmp_path, flags, processes=2, code=BREAKING.format(act=act)))
    (end,) = records(tmp_path, "run_end")
    assert (end["status"], end["reason"]) == ("failed", f"RunError: {reason}")


def test_the_end_of_a_process_on_another_machine_is_one_line(jobs, flags, tmp_path):
    elsewhere = "import socket\nsocket.gethostname = lambda: f'machine{rank}'\n"
    killed = BREAKING.format(act="os.kill(os.getpid(), signal.SIGKILL)")
    assert all(jobs.run(tmp_path, flags, processes=2, code=elsewhere + killed))
    (end,) = records(tmp_path, "run_end")
    assert end["status"] == "failed"
    assert end["reason"].startswith("RunError: lost a process of another machine")


def test_a_signal_to_torchrun_leaves_one_checkpoint_from_which_both_go_on(
    flags, tmp_path, together
):
    def start():
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        command = [*TORCHRUN, *(f"--{name}={value}" for name, value in flags.items())]
        with (tmp_path / "output.txt").open("a") as output:
            return subprocess.Popen(
                command, cwd=tmp_path, env=environment, stdout=output, stderr=output
            )

    process, log = start(), tmp_path / "logs" / "run.jsonl"
    while process.poll() is None and not (log.exists() and '"event": "step"' in log.read_text()):
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.wait()
    assert [end["status"] for end in records(tmp_path, "run_end")] == ["interrupted"]
    finish([start().wait()], tmp_path)
    (resumed,) = records(tmp_path, "resume")
    assert resumed["step"] > 0
    went_on, untouched = (
        tensors(folder, "last", "model.safetensors") for folder in (tmp_path, together)
    )
    assert all(torch.equal(went_on[name], untouched[name]) for name in untouched)


def test_a_module_that_not_all_parameters_serve_is_trained_too(jobs, flags, tmp_path):
    fewer = flags | {"epochs": 1, "fusion": "only_embedding"}
    finish(jobs.run(tmp_path, fewer, processes=2), tmp_path)
    assert len(records(tmp_path, "step")) == 16


def test_a_process_alone_shares_with_nobody():
    assert distributed.world_size() == 1
    assert is_main_process()
    assert distributed.shard(5).tolist() == [0, 1, 2, 3, 4]
    assert distributed.all_reduce_max(3) == 3
    assert distributed.broadcast(b"x") == b"x"
    values = torch.ones(2)
    distributed.all_reduce(values)
    assert values.tolist() == [1, 1]


def test_a_fault_of_ones_own_is_not_blamed_on_others():
    with pytest.raises(RuntimeError, match="mine"), distributed.name_failed_process():
        raise RuntimeError("mine")


def test_the_end_of_the_process_that_connects_the_others_is_named(monkeypatch):
    class Gone:
        def check(self, names):
            raise dist.DistNetworkError("Broken pipe")

    monkeypatch.setattr(distributed, "_store", Gone())
    line = "process 0, which connects the others, or its machine is gone"
    with pytest.raises(RunError, match=line), distributed.name_failed_process():
        raise RuntimeError("a collective failed")


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"WORLD_SIZE": ""}, "WORLD_SIZE=: must be a whole number from 1 to"),
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE=two: must be a whole number"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE=0: must be a whole number from 1"),
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE=2 says .* but RANK is not set: start them by torchrun"),
        ({"WORLD_SIZE": "2", "RANK": "2"}, "RANK=2: must be a whole number from 0 to 1"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, "but MASTER_ADDR is not set"),
        (
            {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "99999"},
            "MASTER_PORT=99999: must be a whole number from 0 to 65535",
        ),
        (
            {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "no.such", "MASTER_PORT": "1"},
            "process 0 did not meet the other 1 of WORLD_SIZE=2 processes at no.such:1: ",
        ),
    ],
)
def test_a_wrong_variable_of_the_environment_is_named(monkeypatch, variables, line):
    for name in ("WORLD_SIZE", "RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(distributed, "TIMEOUT", timedelta(seconds=1))
    with pytest.raises(RunError, match=line) as error, distributed.joined(torch.device("cpu")):
        pass
    assert "\n" not in str(error.value)
