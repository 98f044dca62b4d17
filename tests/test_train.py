"""The entry from outside: what a person types, what is printed, what is left on disk."""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import train
from biencoder.config import Config
from biencoder.retrieval.pools import POOLS

ROOT = Path(__file__).parents[1]

WRONG_INVOCATIONS = [
    ("--layernrom=False", "--layernrom: no such flag; did you mean --layernorm?"),
    ("--lr=nan", "--lr=nan: must be a finite number"),
    ("--epochs=-1", "--epochs=-1: must be greater than or equal to 0"),
    ("--epochs=1.5", "--epochs=1.5: must be a whole number"),
    ("--variant=with_relu --relu=False", "--relu=False contradicts --variant=with_relu"),
    ("--variant=without_rleu", "did you mean without_relu?"),
    ("--negatives=rising --hard_ratio_step=-0.1", "--hard_ratio_step=-0.1 contradicts"),
    ("--hard_ratio_start=1.2", "--hard_ratio_start=1.2: must be less than or equal to 1"),
    ("--run_id=a/b", "--run_id=a/b does not fit"),
    ("--lr=1e30", "--lr=1e30: must be less than or equal to 1"),
    ("--margin=0", "--margin=0: must be greater than 0"),
    (
        "--checkpoint_every=3٣steps",
        "--checkpoint_every=3٣steps does not fit: write it as 2epochs or 500steps",
    ),
    ("--data_dir=", "--data_dir is empty: write a value, or leave the flag out"),
    ("--init_from=", "--init_from is empty"),
    ("--neighbors=faiss", "--neighbors=faiss: must be 'exact' or 'ball_tree'"),
    ("--encoder=\udcff", "'--encoder=\\udcff' is not UTF-8"),
]

GOOD = {
    f"{split}/sport/running/pro/pro0{number}{role}.txt": f"{split} {number} {role}"
    for split in ("training", "validation", "test")
    for number in (1, 2)
    for role in ("a-point", "b-counter")
}
TRAINING = "training/sport/running/pro/pro01"


def without(prefix):
    return {name: text for name, text in GOOD.items() if not name.startswith(prefix)}


BROKEN_CORPORA = {
    "no folder at all": ({}, "corpus: no such file or folder"),
    "a file": ({"": "not a folder"}, "corpus: not a table file"),
    "some other folder": ({"readme.txt": "hello"}, "corpus: no corpus there: neither tables named"),
    "the folder above": (
        {f"inner/{name}": text for name, text in GOOD.items()},
        "corpus/inner?",
    ),
    "no training": (without("training"), "the folder training/ is missing"),
    "no validation": (without("validation"), "the folder validation/ is missing"),
    "no test": (without("test"), "the folder test/ is missing"),
    "an empty split": (without("test") | {"test/notes.txt": ""}, "corpus/test: no argument found"),
    "arguments one folder too high": (
        without("test") | {"test/sport/pro/pro01a-point.txt": "p"},
        "corpus/test: no argument found",
    ),
    "points without counters": (
        without("test") | {"test/sport/running/pro/pro01a-point.txt": "p"},
        "corpus/test: no point has its counter",
    ),
    "only empty texts": (
        GOOD | {name: "" for name in GOOD if name.startswith("test")},
        "corpus/test: no point has its counter",
    ),
    "not UTF-8": (GOOD | {f"{TRAINING}a-point.txt": b"caf\xe9"}, "pro01a-point.txt: not UTF-8"),
    "two files for one id": (
        GOOD | {"training/sport/running/pro/pro1a-point.txt": "again"},
        "pro1a-point.txt: has the same id as",
    ),
    "every training pair leaked": (
        GOOD | {f"{TRAINING[:-1]}{n}a-point.txt": f"test {n} a-point" for n in (1, 2)},
        "(train --leaked_pairs=keep takes them); training takes all three splits",
    ),
    "no negative to be had": (without(TRAINING), "leave a point without any negative"),
}


@pytest.mark.parametrize(("command", "line"), WRONG_INVOCATIONS)
def test_a_wrong_invocation_is_one_line_and_status_2(call, command, line):
    status, _, printed = call(train.main, *command.split())
    assert status == 2
    assert line in printed
    assert printed.startswith("train: ")
    assert printed.count("\n") == 1


@pytest.mark.parametrize("case", BROKEN_CORPORA)
def test_a_broken_corpus_is_one_line_that_names_the_path_and_status_1(
    call, write_corpus, tmp_path, case
):
    files, line = BROKEN_CORPORA[case]
    if "" in files:
        (tmp_path / "corpus").write_text(files[""])
    else:
        write_corpus(files)
    logs = tmp_path / "logs"
    status, _, printed = call(train.main, f"--data_dir={tmp_path / 'corpus'}", f"--log_dir={logs}")
    assert status == 1
    assert line in printed
    assert str(tmp_path) in printed
    assert printed.count("\n") == 1
    assert not logs.exists()


def test_a_value_of_several_lines_is_shown_in_one(call):
    status, _, printed = call(train.main, "--run_id=a\nb\x1b[31m")
    assert (status, printed.count("\n")) == (2, 1)
    assert r"--run_id=a\nb\x1b[31m does not fit" in printed


@pytest.mark.parametrize("flag", ["data_dir", "log_dir", "encoder", "init_from"])
def test_a_path_too_long_for_the_system_is_one_line(tiny_encoder, tmp_path, call, flag):
    flags = {"encoder": tiny_encoder, "max_length": 24, "log_dir": tmp_path / "l"}
    flags |= {"checkpoint_dir": tmp_path / "c", flag: tmp_path / ("x" * 300)}
    status, _, printed = call(train.main, *(f"--{name}={value}" for name, value in flags.items()))
    assert (status, printed.count("\n")) == (1, 1), printed
    assert "xxx" in printed


@pytest.mark.parametrize(("argument", "status"), [("--help", 0), ("--layernrom=False", 2)])
def test_help_and_a_mistyped_flag_answer_without_loading_torch(argument, status):
    script = (
        "import sys, train\n"
        "try:\n    train.main()\n"
        "except SystemExit as exit_:\n    print(exit_.code, 'torch' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script, argument], cwd=ROOT, capture_output=True, text=True
    )
    assert answer.stdout.splitlines()[-1] == f"{status} False"


def test_the_help_lists_every_flag(call):
    _, printed, _ = call(train.main, "--help")
    assert all(f"--{name}=" in printed for name in Config.model_fields)


def test_the_whole_job_leaves_a_log_predictions_two_checkpoints_and_an_export(
    tiny_encoder, tmp_path
):
    """The real entry in its own process, as a person runs it."""
    answer = subprocess.run(
        [
            *(sys.executable, str(ROOT / "train.py"), "--variant=without_relu", "--epochs=2"),
            *("--recipe=documented", "--batch_size=8", "--lr=1e-4"),
            *(f"--encoder={tiny_encoder}", "--max_length=24", "--device=cpu"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    (log,) = (tmp_path / "logs").glob("*.jsonl")
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]

    start, end = lines[0], lines[-1]
    assert (start["event"], start["variant"]) == ("run_start", "with_layernorm")
    assert (start["config"]["layernorm"], start["config"]["relu"]) == (True, False)
    assert set(start["config"]) == set(Config.model_fields)
    assert start["corpus"]["training"]["kept"] >= 96
    assert (end["event"], end["status"]) == ("run_end", "completed")

    evaluated = [(line["epoch"], line["split"]) for line in lines if line["event"] == "eval"]
    splits = ("training", "validation", "test")
    assert evaluated == [(epoch, split) for epoch in (0, 1, 2) for split in splits]
    assert [line["epoch"] for line in lines if line["event"] == "mine"] == [0, 1]
    steps = [line for line in lines if line["event"] == "step"]
    assert [line["step"] for line in steps] == [10, 14, 20, 28]  # 14 end an epoch
    for line in steps:
        parts = line["triplet_loss"] + line["positive_loss"] + line["negative_loss"]
        assert line["loss"] == pytest.approx(parts, rel=1e-5)

    pools = [(line["split"], line["pool"]) for line in lines if line["event"] == "pools"]
    assert pools == [(split, pool) for split in splits for pool in POOLS]
    assert {line["epoch"] for line in lines if line["event"] == "pools"} == {2}
    predictions = pl.read_parquet(log.with_name(f"{log.stem}.predictions.parquet"))
    for split in splits:
        answered = predictions.filter(pl.col("split") == split)["rescored_rank"] == 1
        (last,) = (
            line["top1"]
            for line in lines
            if (line["event"], line.get("epoch"), line.get("split")) == ("eval", 2, split)
        )
        assert answered.sum() / len(answered) == pytest.approx(last)
    assert len(list((tmp_path / "logs").iterdir())) == 2

    run_dir = tmp_path / "checkpoints" / log.stem
    index = json.loads((run_dir / "checkpoints.json").read_text())
    assert index["last"].startswith("epoch-0002-")
    assert index["best"].startswith(f"epoch-{end['best_epoch']:04d}-")
    assert {path.name for path in run_dir.iterdir()} == {
        "checkpoints.json",
        "sentence-transformers",
        *index.values(),
    }
