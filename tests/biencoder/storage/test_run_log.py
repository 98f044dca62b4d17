import errno
import json
import math
import os
from datetime import datetime, timedelta

import pytest
from pydantic import ConfigDict

from biencoder.errors import RunError
from biencoder.storage.events import Eval, Event
from biencoder.storage.run_log import RunLog, new_run_id


class Any(Event):
    """An event of any fields."""

    model_config = ConfigDict(extra="allow")
    name = "step"


class End(Any):
    name = "run_end"


EVAL = Eval(
    epoch=0, step=0, split="test", top1=0.5, hits=1, n=2, head_top1=0.5, nearest_top1=0.5,
    recall_at_10=1.0, mrr_at_10=0.75, seconds=0.1,
)  # fmt: skip


def lines(log):
    return [json.loads(line) for line in log.path.read_text("utf-8").splitlines()]


def test_every_line_says_event_run_time_and_schema(tmp_path):
    with RunLog(tmp_path, "r1") as log:
        log.write(EVAL)
    (line,) = lines(log)
    assert (line["event"], line["run_id"], line["schema"], line["top1"]) == ("eval", "r1", 2, 0.5)
    assert datetime.fromisoformat(line["time"]).utcoffset() == timedelta(0)


def test_a_line_can_be_read_the_moment_it_is_written(tmp_path):
    with RunLog(tmp_path, "r1") as log:
        log.write(Any(step=0))
        assert len(lines(log)) == 1


def test_a_number_that_is_not_finite_becomes_null_and_the_line_says_so(tmp_path):
    with RunLog(tmp_path, "r1") as log:
        log.write(Any(loss=math.nan, lr=0.1, distances=[1.0, math.inf], top1={"test": math.nan}))
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
        log.write(Any(step=1))
    with log.path.open("a") as file:
        file.write('{"event": "st')
    with RunLog(tmp_path, "r1", resumed=True) as log:
        log.write(Any(step=2))
    assert [line["step"] for line in lines(log)] == [1, 2]


def test_a_log_in_which_no_line_was_finished_is_begun_anew(tmp_path):
    (tmp_path / "r1.jsonl").write_text('{"event": "run_st')
    with RunLog(tmp_path, "r1") as log:
        log.write(Any(step=0))
    assert [line["step"] for line in lines(log)] == [0]


def test_a_full_disk_leaves_whole_lines_and_one_clear_error(tmp_path, monkeypatch):
    with RunLog(tmp_path, "r1") as log:
        log.write(Any(step=1))
        write = os.write
        monkeypatch.setattr(os, "write", lambda file, line: write(file, line[:7]))
        with pytest.raises(RunError, match="r1.jsonl: cannot be written .the disk is full"):
            log.write(Any(step=2))
        monkeypatch.undo()
    assert [line["step"] for line in lines(log)] == [1]


def refuse(number):
    def call(*_):
        raise OSError(number, os.strerror(number))

    return call


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_written_to_and_the_log_says_it_is_not_guarded(
    tmp_path, monkeypatch, number
):
    monkeypatch.setattr("fcntl.flock", refuse(number))
    with RunLog(tmp_path, "r1") as log:
        log.write(Any(step=1))
        assert not log.is_locked
    assert len(lines(log)) == 1


def test_a_lock_that_fails_otherwise_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("fcntl.flock", refuse(errno.EIO))
    with pytest.raises(RunError, match=r"r1.jsonl: cannot be locked \(Input/output error\)"):
        RunLog(tmp_path, "r1")


def test_a_planted_link_is_not_written_through(tmp_path):
    (tmp_path / "r1.jsonl").symlink_to(tmp_path / "victim")
    with pytest.raises(RunError, match=r"r1.jsonl: cannot be written \(it is a link\)"):
        RunLog(tmp_path, "r1")
    assert not (tmp_path / "victim").exists()


def test_a_log_that_was_removed_is_written_again_and_still_locked(tmp_path):
    with RunLog(tmp_path, "r1") as log:
        log.write(Any(step=1))
        assert not log.synchronise()
        log.path.unlink()
        log.write(Any(step=2))
        assert log.synchronise()
        log.write(Any(step=3))
        with pytest.raises(RunError, match="another process is writing"):
            RunLog(tmp_path, "r1", resumed=True)
    assert [line["step"] for line in lines(log)] == [1, 2, 3]


def test_a_removed_log_that_no_longer_fits_on_the_disk_is_an_error(tmp_path, monkeypatch):
    with RunLog(tmp_path, "r1") as log:
        log.write(Any(step=1))
        log.path.unlink()
        write = os.write
        monkeypatch.setattr("os.write", lambda file, content: write(file, content[:-3]))
        with pytest.raises(RunError, match=r"r1.jsonl: cannot be written \(the disk is full\)"):
            log.synchronise()
        assert log.path.read_bytes() == b""


def test_a_log_whose_place_another_file_took_is_named(tmp_path):
    with RunLog(tmp_path, "r1") as log:
        (tmp_path / "other").write_text("")
        (tmp_path / "other").replace(log.path)
        with pytest.raises(RunError, match="r1.jsonl: another file took its place"):
            log.synchronise()


def test_a_run_that_another_process_has_completed_meanwhile_is_not_written_to(tmp_path):
    with RunLog(tmp_path, "a") as log:
        log.write(End(status="completed"))
    before = (tmp_path / "a.jsonl").read_bytes()
    with pytest.raises(RunError, match="run a was completed by another process"):
        RunLog(tmp_path, "a", resumed=True)
    assert (tmp_path / "a.jsonl").read_bytes() == before


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"logs/r1.jsonl: cannot be written .*another --log_dir"):
        RunLog(tmp_path / "file" / "logs", "r1")


def test_a_run_id_tells_time_variant_and_seed_and_is_unlike_those_of_the_same_second():
    run_ids = [new_run_id("with_relu", 3) for _ in range(3)]
    assert all("_with_relu_s3_" in run_id for run_id in run_ids)
    assert len(set(run_ids)) == 3
    datetime.strptime(run_ids[0].split("_")[0], "%Y%m%dT%H%M%SZ")
