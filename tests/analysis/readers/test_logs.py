"""`analysis.readers.logs`: many logs read as one."""

import json

import polars as pl
import pytest

from analysis.errors import AnalysisError
from analysis.readers import logs


def test_a_folder_is_walked_and_both_formats_become_one_log(log_folder):
    log = logs.read([log_folder])
    assert log.runs.sort("run_id").select("run_id", "format", "source").rows() == [
        ("a", "jsonl", str(log_folder / "new" / "a.jsonl")),
        ("with_relu_logs", "legacy", str(log_folder / "with_relu_logs.txt")),
    ]
    assert set(log.metrics["run_id"]) == {"a", "with_relu_logs"}
    assert log.notes == ()


def test_rejected_lines_and_notes_of_every_file_are_collected(log_folder):
    with (log_folder / "with_relu_logs.txt").open("a", encoding="utf-8") as file:
        file.write("训练集top1 accuracy为x\n")
    with (log_folder / "new" / "a.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"event": "eval", "run_')
    log = logs.read([log_folder])
    assert log.rejected["source"].to_list() == [str(log_folder / "with_relu_logs.txt")]
    assert log.notes == (f"{log_folder / 'new' / 'a.jsonl'}: torn last line, left out",)


def test_only_the_events_asked_for_are_kept(log_folder):
    assert set(logs.read([log_folder], events=("eval",)).metrics["event"]) == {"eval"}


def test_many_files_read_in_batches_equal_each_read_alone(tmp_path, legacy_text, monkeypatch):
    monkeypatch.setattr(logs, "_BATCH", 2000)
    for index in range(12):
        text = legacy_text(top1={"test": [index / 20, 0.5]})
        (tmp_path / f"log{index:02}.txt").write_text(text, encoding="utf-8")
    log = logs.read([tmp_path])
    alone = [logs.read([path]) for path in sorted(tmp_path.iterdir())]
    assert log.runs.equals(pl.concat([one.runs for one in alone]))
    assert log.metrics.equals(pl.concat([one.metrics for one in alone]))


def test_nothing_is_printed(log_folder, capsys):
    logs.read([log_folder])
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"schema": 99}, r"a\.jsonl: \d+ lines of schema 99"),
        ({"event": None}, r"a\.jsonl, line 1: no event, run_id or schema"),
    ],
)
def test_where_no_run_can_be_read_one_line_says_why(tmp_path, runlog_lines, change, fault):
    text = "".join(json.dumps(line | change) + "\n" for line in runlog_lines())
    (tmp_path / "a.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(AnalysisError, match=f"no run can be read: .*{fault}"):
        logs.read([tmp_path])
