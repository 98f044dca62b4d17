"""`analysis.sources`: which files are logs, and many of them read as one."""

import os
import shutil

import polars as pl
import pytest

from analysis import sources
from commandline import RunError


@pytest.fixture
def logs(tmp_path, legacy_text, runlog_text):
    """A folder with a legacy log and, one folder down, a JSONL log."""
    folder = tmp_path / "logs"
    (folder / "new").mkdir(parents=True)
    (folder / "with_relu_logs.txt").write_text(legacy_text(), encoding="utf-8")
    (folder / "new" / "a.jsonl").write_text(runlog_text(run_id="a"), encoding="utf-8")
    return folder


def run_ids(log):
    return sorted(log.runs["run_id"])


def test_a_folder_is_walked_and_both_formats_become_one_log(logs):
    log = sources.read([logs])
    assert log.runs.sort("run_id").select("run_id", "format", "source").rows() == [
        ("a", "jsonl", str(logs / "new" / "a.jsonl")),
        ("with_relu_logs", "legacy", str(logs / "with_relu_logs.txt")),
    ]
    assert set(log.metrics["run_id"]) == {"a", "with_relu_logs"}
    assert log.notes == ()


def test_files_and_patterns_are_taken_too_and_each_file_is_read_once(logs):
    assert run_ids(sources.read([logs / "new" / "a.jsonl"])) == ["a"]
    assert run_ids(sources.read([str(logs / "*.txt")])) == ["with_relu_logs"]
    assert run_ids(sources.read([str(logs / "**" / "*.jsonl")])) == ["a"]
    everything = [logs, logs / "new", str(logs / "*"), logs / "new" / ".." / "with_relu_logs.txt"]
    assert run_ids(sources.read(everything)) == ["a", "with_relu_logs"]


def test_content_decides_the_format(logs):
    (logs / "with_relu_logs.txt").rename(logs / "old.jsonl")
    (logs / "new" / "a.jsonl").rename(logs / "new.txt")
    log = sources.read([logs])
    assert dict(log.runs.select("run_id", "format").rows()) == {"old": "legacy", "a": "jsonl"}


def test_a_log_behind_a_long_preamble_is_found(tmp_path, legacy_text):
    text = "loading\n" * 20_000 + legacy_text()
    (tmp_path / "log.txt").write_text(text, encoding="utf-8")
    assert run_ids(sources.read([tmp_path])) == ["log"]


def test_text_without_a_log_is_named_and_what_is_plainly_none_is_not(logs):
    for folder in (".git", "plots"):
        (logs / folder).mkdir()
        (logs / folder / "notes.txt").write_text("nothing")
    (logs / ".gitkeep").touch()
    (logs / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    (logs / "picture.svg").write_text("<?xml version='1.0'?><svg/>")
    (logs / "README.md").write_text("About these runs")
    (logs / "wandb.json").write_text('{\n  "run_id": "x"\n}')
    log = sources.read([logs])
    assert run_ids(log) == ["a", "with_relu_logs"]
    assert log.notes == (
        f"{logs / 'README.md'}: not a run log, passed over",
        f"{logs / 'wandb.json'}: not a run log, passed over",
    )


def test_runs_for_context_are_read_where_their_folder_is_named_alone(logs):
    (logs / "new").rename(logs / "context")
    note = f"{logs / 'context'}: runs for context, passed over; name it to read them"
    for given in (logs, str(logs / "*"), str(logs / "**" / "*.*")):
        log = sources.read([given])
        assert run_ids(log) == ["with_relu_logs"]
        assert log.notes == (note,)
    assert run_ids(sources.read([logs / "context"])) == ["a"]
    assert run_ids(sources.read([str(logs / "context" / "*")])) == ["a"]


def test_a_picture_that_was_asked_for_by_name_is_named(logs):
    picture = logs / "picture.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    assert sources.read([logs, picture]).notes == ()
    assert sources.read([picture, logs]).notes == (f"{picture}: not a run log, passed over",)


def test_links_to_folders_are_not_followed_and_loops_end(logs, tmp_path):
    (logs / "loop").symlink_to(logs)
    (logs / "out").symlink_to(tmp_path)
    (logs / "dangling.txt").symlink_to(tmp_path / "absent")
    (logs / "link.txt").symlink_to(logs / "with_relu_logs.txt")
    os.mkfifo(logs / "pipe")
    log = sources.read([logs])
    assert log.runs.height == 2
    assert log.notes == ()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("absent", "absent: no such file or folder"),
        ("*.absent", "*.absent: no file matches this pattern"),
        ("empty", "empty: no run log found, neither JSONL from train nor legacy text"),
    ],
)
def test_where_no_log_is_found_one_line_says_so(tmp_path, monkeypatch, given, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError) as error:
        sources.read([given])
    assert str(error.value) == message


def test_runs_of_one_name_in_two_folders_are_told_apart(tmp_path, legacy_text, runlog_text):
    for seed in (0, 1):
        folder = tmp_path / f"seed{seed}"
        folder.mkdir()
        top1 = {"test": [0.25, 0.5 + seed / 4]}
        (folder / "log.txt").write_text(legacy_text(top1=top1) * 2, encoding="utf-8")
        (folder / "a.jsonl").write_text(runlog_text(run_id="a", seed=seed), encoding="utf-8")
    log = sources.read([tmp_path])
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
    assert run_ids(sources.read([tmp_path])) == ["a.log/a", "a.txt/a", "b", "b.txt"]


def test_an_earlier_copy_of_a_log_is_no_second_run(logs, tmp_path, runlog_text):
    backup = tmp_path / "logs" / "backup"
    shutil.copytree(logs / "new", backup)
    text = runlog_text(run_id="a")
    (backup / "a.jsonl").write_text(text[: len(text) // 2], encoding="utf-8")
    log = sources.read([logs])
    assert log.notes == (
        f"{backup / 'a.jsonl'}: a copy of {logs / 'new' / 'a.jsonl'}, passed over",
    )
    assert run_ids(log) == ["a", "with_relu_logs"]
    assert log.runs.filter(run_id="a")["status"].to_list() == ["completed"]


def test_rejected_lines_and_notes_of_every_file_are_collected(logs):
    with (logs / "with_relu_logs.txt").open("a", encoding="utf-8") as file:
        file.write("训练集top1 accuracy为x\n")
    with (logs / "new" / "a.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"event": "eval", "run_')
    log = sources.read([logs])
    assert log.rejected["source"].to_list() == [str(logs / "with_relu_logs.txt")]
    assert log.notes == (f"{logs / 'new' / 'a.jsonl'}: torn last line, left out",)


def test_only_the_events_asked_for_are_kept(logs):
    assert set(sources.read([logs], events=("eval",)).metrics["event"]) == {"eval"}


def test_many_files_read_in_batches_equal_each_read_alone(tmp_path, legacy_text, monkeypatch):
    monkeypatch.setattr(sources, "_BATCH", 2000)
    for index in range(12):
        text = legacy_text(top1={"test": [index / 20, 0.5]})
        (tmp_path / f"log{index:02}.txt").write_text(text, encoding="utf-8")
    log = sources.read([tmp_path])
    alone = [sources.read([path]) for path in sorted(tmp_path.iterdir())]
    assert log.runs.equals(pl.concat([one.runs for one in alone]))
    assert log.metrics.equals(pl.concat([one.metrics for one in alone]))


def test_nothing_is_printed(logs, capsys):
    sources.read([logs])
    assert capsys.readouterr() == ("", "")
