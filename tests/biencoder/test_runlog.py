import json
import math
import os
from datetime import datetime, timedelta

import pytest

from biencoder.runlog import RunLog, find_run, new_run_id
from commandline import RunError


def lines(log):
    return [json.loads(line) for line in log.path.read_text("utf-8").splitlines()]


def test_every_line_says_event_run_time_and_schema(tmp_path):
    with RunLog(tmp_path, "r1") as log:
        log.write("eval", epoch=0, split="test", top1=0.5)
    (line,) = lines(log)
    assert (line["event"], line["run_id"], line["schema"], line["top1"]) == ("eval", "r1", 1, 0.5)
    assert datetime.fromisoformat(line["time"]).utcoffset() == timedelta(0)


def test_a_line_can_be_read_the_moment_it_is_written(tmp_path):
    with RunLog(tmp_path, "r1") as log:
        log.write("run_start")
        assert len(lines(log)) == 1


def test_a_number_that_is_not_finite_becomes_null_and_the_line_says_so(tmp_path):
    with RunLog(tmp_path, "r1") as log:
        log.write("step", loss=math.nan, lr=0.1, distances=[1.0, math.inf], top1={"test": math.nan})
    (line,) = lines(log)
    assert (line["loss"], line["lr"], line["distances"]) == (None, 0.1, [1.0, None])
    assert line["nonfinite"] == ["loss", "distances", "top1.test"]


def test_an_existing_log_is_never_overwritten(tmp_path):
    (tmp_path / "r1.jsonl").write_text("precious")
    with pytest.raises(RunError, match="r1.jsonl exists already"):
        RunLog(tmp_path, "r1")
    assert (tmp_path / "r1.jsonl").read_text() == "precious"


def test_a_second_process_cannot_write_the_same_log(tmp_path):
    with (
        RunLog(tmp_path, "r1"),
        pytest.raises(RunError, match="another process is writing"),
    ):
        RunLog(tmp_path, "r1", resumed=True)
    RunLog(tmp_path, "r1", resumed=True).__exit__(None, None, None)  # the lock died with its holder


def test_going_on_appends_and_drops_what_a_crash_left_of_a_line(tmp_path):
    with RunLog(tmp_path, "r1") as log:
        log.write("step", step=1)
    with log.path.open("a") as file:
        file.write('{"event": "st')
    with RunLog(tmp_path, "r1", resumed=True) as log:
        log.write("step", step=2)
    assert [line["step"] for line in lines(log)] == [1, 2]


def test_a_log_in_which_no_line_was_finished_is_begun_anew(tmp_path):
    (tmp_path / "r1.jsonl").write_text('{"event": "run_st')
    with RunLog(tmp_path, "r1") as log:
        log.write("run_start")
    assert [line["event"] for line in lines(log)] == ["run_start"]


def test_a_full_disk_leaves_whole_lines_and_one_clear_error(tmp_path, monkeypatch):
    with RunLog(tmp_path, "r1") as log:
        log.write("step", step=1)
        write = os.write
        monkeypatch.setattr(os, "write", lambda file, line: write(file, line[:7]))
        with pytest.raises(RunError, match="r1.jsonl: cannot be written .the disk is full"):
            log.write("step", step=2)
        monkeypatch.undo()
    assert [line["step"] for line in lines(log)] == [1]


def run_of(tmp_path, run_id, identity, *ends):
    with RunLog(tmp_path, run_id) as log:
        log.write("run_start", identity=identity, corpus_digest="abc")
        for status in ends:
            log.write("run_end", status=status)


def test_the_newest_unfinished_run_of_the_same_identity_is_found(tmp_path):
    run_of(tmp_path, "a", "mine")
    run_of(tmp_path, "c", "mine", "interrupted")
    run_of(tmp_path, "b", "mine", "interrupted", "completed")
    run_of(tmp_path, "d", "another's")
    (tmp_path / "e.jsonl").write_bytes(b"\xff torn")
    (tmp_path / "f.jsonl").write_text("[1]\n")
    (tmp_path / "g.jsonl").write_text("[" * 100_000 + "\n")
    assert find_run(tmp_path, "mine", None) == ("c", False, "abc")
    assert find_run(tmp_path, "mine", "a") == ("a", False, "abc")
    assert find_run(tmp_path, "mine", "b") == ("b", True, "abc")
    assert find_run(tmp_path, "mine", "d") is None
    assert find_run(tmp_path, "nobody's", None) is None
    assert find_run(tmp_path / "absent", "mine", None) is None


def test_a_run_that_another_process_has_completed_meanwhile_is_not_written_to(tmp_path):
    run_of(tmp_path, "a", "mine", "completed")
    before = (tmp_path / "a.jsonl").read_bytes()
    with pytest.raises(RunError, match="run a was completed by another process"):
        RunLog(tmp_path, "a", resumed=True)
    assert (tmp_path / "a.jsonl").read_bytes() == before


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"logs/r1.jsonl: cannot be written .*another --log_dir"):
        RunLog(tmp_path / "file" / "logs", "r1")


def test_a_run_id_tells_time_variant_and_seed():
    run_id = new_run_id("with_relu", 3)
    assert run_id.endswith("_with_relu_s3")
    datetime.strptime(run_id.split("_")[0], "%Y%m%dT%H%M%SZ")
