"""`analysis.readers.unfinished`: a run that goes on, and one that stopped."""

import fcntl
import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from analysis.readers import logs, unfinished


@pytest.fixture
def written(tmp_path, runlog_lines):
    """`written(seconds)`: the log of a run that has no end, its last line of so long ago."""

    def build(seconds, **options):
        lines = runlog_lines(run_id="a", status=None, **options)
        lines[-1]["time"] = (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat()
        path = tmp_path / "a.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        return path

    return build


def told(path):
    """The status of the one run of a log, and why."""
    return logs.read([path]).runs.select("status", "reason").row(0)


@pytest.mark.skipif(not unfinished.LOCKS.exists(), reason="this system has no list of locks")
def test_a_log_that_a_process_holds_is_of_a_running_run_and_its_lock_is_not_touched(written):
    path = written(3600)
    with path.open("ab") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        status, reason = told(path)
        assert (status, reason[:32]) == ("running", "a process here writes its log, l")
    status, reason = told(path)
    assert (status, reason[:35]) == ("stopped", "no run_end, no process here writes ")
    assert " UTC" in reason


def test_no_lock_is_asked_for(written, monkeypatch):
    def refuse(*_):
        raise AssertionError("a lock was asked for")

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(fcntl, "lockf", refuse)
    monkeypatch.setattr(os, "lockf", refuse)
    assert told(written(0))[0] == "stopped"


def test_waiting_and_shared_locks_and_those_of_other_kinds_do_not_count(tmp_path, monkeypatch):
    (tmp_path / "locks").write_text(
        "1: POSIX  ADVISORY  WRITE 7 fe:00:11 0 EOF\n"
        "2: FLOCK  ADVISORY  WRITE 7 fe:00:12 0 EOF\n"
        "2: -> FLOCK  ADVISORY  WRITE 8 fe:00:12 0 EOF\n"
        "3: FLOCK  ADVISORY  READ  7 fe:00:13 0 EOF\n"
        "4: OFDLCK ADVISORY  WRITE -1 fe:00:14 0 EOF\n"
        "5: FLOCK  ADVISORY  WRITE 9 00:2f:15 0 EOF\n"
    )
    monkeypatch.setattr(unfinished, "LOCKS", tmp_path / "locks")
    assert unfinished.locked_files() == {12, 15}


@pytest.mark.parametrize(
    ("seconds", "status"), [(60, "running"), (-60, "running"), (7200, "stopped")]
)
def test_without_a_list_of_locks_the_last_line_decides(
    written, tmp_path, monkeypatch, seconds, status
):
    monkeypatch.setattr(unfinished, "LOCKS", tmp_path / "absent")
    assert told(written(seconds))[0] == status


@pytest.mark.parametrize("time", ["soon", 17, None, "9999-12-31T23:59:59-12:00", [1]])
def test_a_last_line_without_a_time_is_of_a_run_that_stopped(written, tmp_path, monkeypatch, time):
    monkeypatch.setattr(unfinished, "LOCKS", tmp_path / "absent")
    path = written(0)
    line = {"event": "x", "run_id": "a", "schema": 2, "time": time}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    assert told(path) == ("stopped", "no run_end, no time in its last line")


def test_a_torn_last_line_tells_nothing_and_the_one_before_does(written, tmp_path, monkeypatch):
    monkeypatch.setattr(unfinished, "LOCKS", tmp_path / "absent")
    path = written(60)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"event": "eval", "run_')
    assert told(path)[0] == "running"


def test_of_several_runs_in_one_file_the_last_alone_can_go_on(tmp_path, runlog_text, monkeypatch):
    path = tmp_path / "all.jsonl"
    texts = (runlog_text(run_id=name, status=end) for name, end in (("a", None), ("b", None)))
    path.write_text("".join(texts), encoding="utf-8")
    monkeypatch.setattr(logs, "locked_files", lambda: {path.stat().st_ino})
    runs = logs.read([path]).runs
    assert runs.select("run_id", "status").rows() == [("a", "stopped"), ("b", "running")]
    assert runs["reason"][0] == "no run_end, and another run follows"


def test_a_run_that_ended_is_neither(tmp_path, runlog_text):
    path = tmp_path / "a.jsonl"
    path.write_text(runlog_text(status="interrupted"), encoding="utf-8")
    assert told(path) == ("interrupted", "stopped by the user")
