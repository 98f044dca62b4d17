"""`analysis.readers.discovery`: which files are logs."""

import os
from pathlib import Path

import pytest

from analysis.errors import AnalysisError
from analysis.readers import logs


def run_ids(log):
    return sorted(log.runs["run_id"])


def test_files_and_patterns_are_taken_too_and_each_file_is_read_once(log_folder):
    assert run_ids(logs.read([log_folder / "new" / "a.jsonl"])) == ["a"]
    assert run_ids(logs.read([str(log_folder / "*.txt")])) == ["with_relu_logs"]
    assert run_ids(logs.read([str(log_folder / "**" / "*.jsonl")])) == ["a"]
    everything = [
        log_folder,
        log_folder / "new",
        str(log_folder / "*"),
        log_folder / "new" / ".." / "with_relu_logs.txt",
    ]
    assert run_ids(logs.read(everything)) == ["a", "with_relu_logs"]


def test_content_decides_the_format(log_folder):
    (log_folder / "with_relu_logs.txt").rename(log_folder / "old.jsonl")
    (log_folder / "new" / "a.jsonl").rename(log_folder / "new.txt")
    log = logs.read([log_folder])
    assert dict(log.runs.select("run_id", "format").rows()) == {"old": "legacy", "a": "jsonl"}


def test_a_log_behind_a_long_preamble_is_found(tmp_path, legacy_text):
    text = "loading\n" * 20_000 + legacy_text()
    (tmp_path / "log.txt").write_text(text, encoding="utf-8")
    assert run_ids(logs.read([tmp_path])) == ["log"]


def test_the_pages_about_the_log_are_no_logs_whatever_examples_they_hold(log_folder):
    example = (log_folder / "new" / "a.jsonl").read_text("utf-8")
    (log_folder / "README.md").write_text(example.replace('"a"', '"example"'), "utf-8")
    (log_folder / "schema.json").write_text("{}")
    log = logs.read([log_folder])
    assert run_ids(log) == ["a", "with_relu_logs"]
    assert log.notes == ()


def test_text_without_a_log_is_named_and_what_is_plainly_none_is_not(log_folder):
    for name in (".git", "plots"):
        (log_folder / name).mkdir()
        (log_folder / name / "notes.txt").write_text("nothing")
    (log_folder / ".gitkeep").touch()
    (log_folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    (log_folder / "picture.svg").write_text("<?xml version='1.0'?><svg/>")
    (log_folder / "notes.txt").write_text("About these runs")
    (log_folder / "wandb.json").write_text('{\n  "run_id": "x"\n}')
    log = logs.read([log_folder])
    assert run_ids(log) == ["a", "with_relu_logs"]
    assert log.notes == (
        f"{log_folder / 'notes.txt'}: not a run log, passed over",
        f"{log_folder / 'wandb.json'}: not a run log, passed over",
    )


def test_runs_for_context_are_read_where_their_folder_is_named_alone(log_folder):
    (log_folder / "new").rename(log_folder / "context")
    note = f"{log_folder / 'context'}: runs for context, passed over; name it to read them"
    for given in (log_folder, str(log_folder / "*"), str(log_folder / "**" / "*.*")):
        log = logs.read([given])
        assert run_ids(log) == ["with_relu_logs"]
        assert log.notes == (note,)
    assert run_ids(logs.read([log_folder / "context"])) == ["a"]
    assert run_ids(logs.read([str(log_folder / "context" / "*")])) == ["a"]


def test_a_log_whose_name_is_not_utf8_is_named_and_the_others_are_read(tmp_path, legacy_text):
    for name in (b"ohne_f\xfcr.txt", b"with_relu.txt"):
        Path(os.fsdecode(bytes(tmp_path) + b"/" + name)).write_text(legacy_text(), "utf-8")
    log = logs.read([tmp_path])
    assert log.runs.height == 1
    (note,) = log.notes
    assert "its name is not UTF-8, passed over" in note


def test_a_picture_that_was_asked_for_by_name_is_named(log_folder):
    picture = log_folder / "picture.png"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    assert logs.read([log_folder, picture]).notes == ()
    assert logs.read([picture, log_folder]).notes == (f"{picture}: not a run log, passed over",)


def test_links_to_folders_are_not_followed_and_loops_end(log_folder, tmp_path):
    (log_folder / "loop").symlink_to(log_folder)
    (log_folder / "out").symlink_to(tmp_path)
    (log_folder / "dangling.txt").symlink_to(tmp_path / "absent")
    (log_folder / "link.txt").symlink_to(log_folder / "with_relu_logs.txt")
    os.mkfifo(log_folder / "pipe")
    log = logs.read([log_folder])
    assert log.runs.height == 2
    assert log.notes == tuple(
        f"{log_folder / name}: a link to a folder, passed over; name it" for name in ("loop", "out")
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("absent", "absent: no such file or folder"),
        ("pipe", "pipe: neither a regular file nor a folder"),
        ("/dev/zero", "/dev/zero: neither a regular file nor a folder"),
        ("*.absent", "*.absent: no file matches this pattern"),
        ("empty", "empty: no run log found, neither JSONL from train nor legacy text"),
    ],
)
def test_where_no_log_is_found_one_line_says_so(tmp_path, monkeypatch, given, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    os.mkfifo("pipe")
    with pytest.raises(AnalysisError) as error:
        logs.read([given])
    assert str(error.value) == message


def test_a_log_that_is_larger_than_any_is_named_and_the_others_are_read(log_folder):
    endless = log_folder / "endless.jsonl"
    endless.write_text('{"event": "run_start", "run_id": "a", ')
    os.truncate(endless, 10 * 1000**3)  # of zeros, which take no room on the disk
    binary = log_folder / "model.bin"
    binary.touch()
    os.truncate(binary, 10 * 1000**3)
    log = logs.read([log_folder])
    assert run_ids(log) == ["a", "with_relu_logs"]
    assert log.notes == (f"{endless}: 10.0 GB, more than the 0.5 GB that are read, passed over",)
    with pytest.raises(AnalysisError, match=r"no run log found.*\(.*10\.0 GB, more than"):
        logs.read([endless])


def test_a_file_of_braces_alone_takes_no_time_that_grows_with_their_square(tmp_path):
    (tmp_path / "braces.txt").write_text("{" * 10**6)
    with pytest.raises(AnalysisError, match="no run log found"):
        logs.read([tmp_path])


def test_a_pattern_that_meets_a_pipe_reads_the_files_beside_it(log_folder):
    os.mkfifo(log_folder / "pipe.txt")
    assert run_ids(logs.read([str(log_folder / "*.txt")])) == ["with_relu_logs"]
