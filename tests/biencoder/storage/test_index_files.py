"""The files of an index: whole, or named as not."""

import contextlib
import errno
import fcntl
import json
import multiprocessing
import time

import pytest

from biencoder.errors import FileError, IndexFolderError
from biencoder.storage import atomic, index_files
from biencoder.storage.index_files import (
    GRAPH,
    HUBNESS,
    MANIFEST,
    SIM,
    TEXTS,
    VERSION,
    H,
    Manifest,
)


@pytest.fixture
def folder(tmp_path):
    """A whole index of made-up bytes."""
    for name in (SIM, H, HUBNESS, TEXTS, GRAPH):
        (tmp_path / name).write_bytes(name.encode() * 100)
    index_files.write(tmp_path, Manifest(version=VERSION, model="m", texts="t", recall=0.5))
    return tmp_path


def test_a_manifest_comes_back_as_it_was_written(folder):
    manifest = index_files.read(folder)
    assert (manifest.model, manifest.texts, manifest.recall) == ("m", "t", 0.5)
    assert set(manifest.files) == {SIM, H, HUBNESS, TEXTS, GRAPH}
    index_files.verify(folder, manifest)


@pytest.mark.parametrize("name", [SIM, H, HUBNESS, TEXTS, GRAPH])
@pytest.mark.parametrize("damage", ["flipped", "cut", "empty", "gone"])
def test_a_damaged_file_is_named(folder, name, damage):
    path = folder / name
    content = bytearray(path.read_bytes())
    content[57] ^= 1
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes({"flipped": content, "cut": content[:-1], "empty": b""}[damage])
    with pytest.raises(IndexFolderError, match=f"{name}: damaged or missing"):
        index_files.verify(folder, index_files.read(folder))


def test_vectors_that_the_manifest_does_not_name_are_not_trusted(folder):
    fields = json.loads((folder / MANIFEST).read_text())
    del fields["files"][SIM]
    (folder / MANIFEST).write_text(json.dumps(fields))
    with pytest.raises(IndexFolderError, match=SIM):
        index_files.verify(folder, index_files.read(folder))


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", "index.json: damaged"),
        ("[]", "index.json: damaged"),
        ('{"version": 2}', "index.json: damaged"),
        ('{"version": 2, "model": "m", "texts": "t", "more": 1}', "index.json: damaged"),
        ('{"version": 1, "more": 1}', "an index of version 1, where this program reads version 2"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_one_line(folder, content, line):
    (folder / MANIFEST).write_text(content)
    with pytest.raises(IndexFolderError, match=line):
        index_files.read(folder)


@pytest.mark.parametrize("place", ["nowhere", "index.json"])
def test_what_is_no_folder_of_an_index_is_one_line(folder, place):
    with pytest.raises(IndexFolderError, match="no index there"):
        index_files.read(folder / place)


def hold(folder, taken, seconds):
    with index_files.locked(folder):
        taken.set()
        time.sleep(seconds)
        folder.mkdir()


def test_who_would_make_an_index_waits_for_another_process_that_does(tmp_path, capsys):
    process = multiprocessing.get_context("spawn")
    taken = process.Event()
    other = process.Process(target=hold, args=(tmp_path / "index", taken, 0.5))
    other.start()
    taken.wait()
    with index_files.locked(tmp_path / "index"):
        assert (tmp_path / "index").is_dir()
    other.join()
    assert "another process makes this index; waiting for it" in capsys.readouterr().err


@pytest.fixture
def unfinished(tmp_path):
    """A function that leaves what a process leaves that is killed while it writes to a place."""
    killed = contextlib.ExitStack()  # closed by nobody before the test's end

    def leave(name):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        return killed.enter_context(atomic.whole_file(tmp_path / name)).parent

    yield leave
    with contextlib.suppress(FileError):
        killed.close()


def test_what_a_killed_process_left_goes_before_the_next_begins(tmp_path, unfinished):
    left = unfinished("texts"), unfinished("texts/graph.faiss")
    others = unfinished("texts.index"), unfinished("texts.index/graph.faiss")
    with index_files.locked(tmp_path / "texts"):
        assert [path.exists() for path in left + others] == [False, False, True, True]


def test_where_there_are_no_locks_nothing_of_others_is_removed(tmp_path, unfinished, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    left = unfinished("texts")
    with index_files.locked(tmp_path / "texts"):
        assert left.exists()
