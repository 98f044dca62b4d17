"""`analysis.readers.merging`: copies of a log, and runs of one name in several files."""

import shutil

import polars as pl

from analysis.readers import logs


def run_ids(log):
    return sorted(log.runs["run_id"])


def test_runs_of_one_name_in_two_folders_are_told_apart(tmp_path, legacy_text, runlog_text):
    for seed in (0, 1):
        folder = tmp_path / f"seed{seed}"
        folder.mkdir()
        top1 = {"test": [0.25, 0.5 + seed / 4]}
        (folder / "log.txt").write_text(legacy_text(top1=top1) * 2, encoding="utf-8")
        text = runlog_text(run_id="a", seed=seed, status="interrupted")
        (folder / "a.jsonl").write_text(text, encoding="utf-8")
    log = logs.read([tmp_path])
    names = ["seed0/a", "seed0/log", "seed0/log#2", "seed1/a", "seed1/log", "seed1/log#2"]
    assert run_ids(log) == names
    assert sorted(set(log.metrics["run_id"])) == names
    seeds = log.runs.filter(pl.col("seed").is_not_null()).sort("run_id")
    assert seeds.select("run_id", "seed").rows() == [("seed0/a", 0), ("seed1/a", 1)]
    last = log.metrics.filter(run_id="seed1/log#2", split="test", epoch=2)
    assert last["value"].to_list() == [0.75]
    assert [note.split(":")[0] for note in log.notes] == [
        "2 files hold a run a",
        "2 files hold a run log",
    ]


def test_runs_of_one_name_in_one_folder_are_told_apart(tmp_path, legacy_text, runlog_text):
    (tmp_path / "a.txt").write_text(legacy_text(), encoding="utf-8")
    (tmp_path / "a.log").write_text(legacy_text(top1={"test": [0.5]}), encoding="utf-8")
    (tmp_path / "b.txt").write_text(legacy_text(top1={"test": [0.25]}), encoding="utf-8")
    (tmp_path / "b.jsonl").write_text(runlog_text(run_id="b"), encoding="utf-8")
    assert run_ids(logs.read([tmp_path])) == ["a.log/a", "a.txt/a", "b", "b.txt"]


def test_an_earlier_copy_of_a_log_is_no_second_run(log_folder, tmp_path, runlog_text):
    backup = tmp_path / "logs" / "backup"
    shutil.copytree(log_folder / "new", backup)
    text = runlog_text(run_id="a", status="interrupted")
    (backup / "a.jsonl").write_text(text[: len(text) // 2], encoding="utf-8")
    log = logs.read([log_folder])
    assert log.notes == (
        f"{backup / 'a.jsonl'}: a copy of {log_folder / 'new' / 'a.jsonl'}, passed over",
    )
    assert run_ids(log) == ["a", "with_relu_logs"]
    assert log.runs.filter(run_id="a")["status"].to_list() == ["interrupted"]


def test_of_equal_logs_the_one_with_its_predictions_is_read(log_folder, tmp_path):
    log = log_folder / "new" / "a.jsonl"
    log.with_name("a.predictions.parquet").write_bytes(b"")
    shutil.copy(log, log_folder / "a.jsonl")
    assert (
        f"{log_folder / 'a.jsonl'}: a copy of {log}, passed over" in logs.read([log_folder]).notes
    )
