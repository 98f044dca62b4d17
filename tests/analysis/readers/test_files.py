"""`analysis.readers.files`: what is read at all."""

import os

import pytest

from analysis.errors import AnalysisError
from analysis.readers.files import LARGEST, contents, fault


def test_a_file_is_read_whole_or_its_head(tmp_path):
    (path := tmp_path / "a").write_bytes(b"abc")
    assert contents(path) == b"abc"
    assert contents(path, 2) == b"ab"
    assert fault(path) is None


def test_a_file_larger_than_any_log_is_named_with_its_size(tmp_path):
    path = tmp_path / "endless.jsonl"
    path.touch()
    os.truncate(path, LARGEST)
    assert fault(path) is None
    os.truncate(path, 10 * 1000**3)
    with pytest.raises(AnalysisError, match=r"endless\.jsonl: 10\.0 GB, more than"):
        contents(path)


def test_neither_a_pipe_nor_a_device_is_opened(tmp_path):
    os.mkfifo(pipe := tmp_path / "pipe")
    (device := tmp_path / "zero").symlink_to("/dev/zero")
    for path in (pipe, device):
        with pytest.raises(AnalysisError, match="not a regular file"):
            contents(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(AnalysisError, match=r"absent: cannot be read \(No such file"):
        contents(tmp_path / "absent")
