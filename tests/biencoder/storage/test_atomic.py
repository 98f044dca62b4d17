import errno
import os
import stat
import time

import pytest
import torch
from safetensors.torch import save_file

from biencoder.errors import FileError
from biencoder.storage.atomic import clear_unfinished, flush, whole_file, whole_folder


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def fill_halfway(target, write):
    with target as unfinished:
        write(unfinished)
        raise OSError(28, "full")


def test_a_file_takes_its_name_only_when_it_is_whole(tmp_path):
    path = tmp_path / "figures.json"
    with whole_file(path) as unfinished:
        unfinished.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert names(tmp_path) == ["figures.json"]


def test_a_file_that_fails_leaves_the_old_one_and_nothing_beside_it(tmp_path):
    path = tmp_path / "figures.json"
    path.write_text("old")
    with pytest.raises(FileError, match=r"cannot be written \(full\); free some space"):
        fill_halfway(whole_file(path), lambda unfinished: unfinished.write_text("ne"))
    assert path.read_text() == "old"
    assert names(tmp_path) == ["figures.json"]


def test_a_folder_in_the_place_of_a_file_is_named_before_the_work(tmp_path):
    with pytest.raises(FileError, match=r"cannot be written \(Is a dir"), whole_file(tmp_path):
        pytest.fail("worked in vain")


def test_a_device_or_pipe_in_the_place_of_a_file_is_left_alone(tmp_path):
    pipe = tmp_path / "answers"
    os.mkfifo(pipe)
    with pytest.raises(FileError, match=r"\(not a regular file\); choose"), whole_file(pipe):
        pytest.fail("worked in vain")
    assert pipe.is_fifo()


def test_a_file_that_is_replaced_keeps_its_permissions_and_the_links_to_it(tmp_path):
    path, link = tmp_path / "answers", tmp_path / "link"
    path.write_text("old")
    path.chmod(0o600)
    link.symlink_to(path)
    with whole_file(link) as unfinished:
        unfinished.write_text("new")
    assert link.is_symlink()
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_cannot_be_read_is_not_taken_for_the_one_that_is_written(tmp_path):
    refusal = PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "texts"))
    with pytest.raises(PermissionError, match="texts"), whole_file(tmp_path / "answers.jsonl"):
        raise refusal


@pytest.mark.parametrize("name", ["model", "replaced"])
def test_a_folder_takes_the_place_of_an_older_one(tmp_path, name):
    path = tmp_path / name
    for text in ("old", "new"):
        with whole_folder(path) as unfinished:
            (unfinished / text).write_text(text)
    assert names(path) == ["new"]
    assert names(tmp_path) == [name]


def test_a_folder_that_fails_leaves_the_old_one_and_nothing_beside_it(tmp_path):
    path = tmp_path / "model"
    with whole_folder(path) as unfinished:
        (unfinished / "old").write_text("")
    with pytest.raises(FileError, match=r"cannot be written \(full\); free some space"):
        fill_halfway(whole_folder(path), lambda unfinished: (unfinished / "new").write_text(""))
    assert names(path) == ["old"]
    assert names(tmp_path) == ["model"]


@pytest.mark.parametrize("error", [OSError(28, "full"), KeyboardInterrupt()])
@pytest.mark.parametrize("step", ["fsync", "rename"])
def test_a_folder_whose_replacement_is_stopped_at_any_step_is_still_there(
    tmp_path, monkeypatch, error, step
):
    path = tmp_path / "model"
    with whole_folder(path) as unfinished:
        (unfinished / "old").write_text("")

    def stop(*_):
        if step == "fsync" or not path.exists():  # the old folder is out of the way
            monkeypatch.undo()
            raise error
        return rename(*_)

    rename = os.rename
    monkeypatch.setattr(f"os.{step}", stop)
    with pytest.raises((FileError, KeyboardInterrupt)), whole_folder(path) as unfinished:
        (unfinished / "new").write_text("")
    assert names(path) == ["old"]
    assert names(tmp_path) == ["model"]


def test_what_safetensors_writes_can_be_read_by_whoever_can_read_other_files(tmp_path):
    weights, other = {"w": torch.ones(2)}, tmp_path / "other"
    other.write_text("")
    with whole_file(tmp_path / "w.safetensors") as unfinished:
        save_file(weights, unfinished)
    with whole_folder(tmp_path / "model") as unfinished:
        (unfinished / "part").mkdir()
        save_file(weights, unfinished / "part" / "w.safetensors")
    for path in ("w.safetensors", "model/part/w.safetensors"):
        assert (tmp_path / path).stat().st_mode == other.stat().st_mode
    assert (tmp_path / "model" / "part").stat().st_mode & 0o100


def test_what_a_killed_process_left_behind_is_cleared_away(tmp_path):
    left = tmp_path / "run" / ".model.x7.tmp"
    left.mkdir(parents=True)
    (left / "half").write_text("")
    (tmp_path / ".other.x7.tmp").mkdir()
    clear_unfinished(tmp_path, "**/.model.*.tmp")
    assert names(tmp_path) == [".other.x7.tmp", "run"]
    assert names(tmp_path / "run") == []


def test_what_another_process_may_still_be_writing_is_left_alone(tmp_path):
    for name, age in (("old", 7200), ("new", 60)):
        (left := tmp_path / f".model.{name}.tmp").mkdir()
        os.utime(left, (time.time() - age,) * 2)
    clear_unfinished(tmp_path, ".model.*.tmp", min_age=3600)
    assert names(tmp_path) == [".model.new.tmp"]


@pytest.mark.parametrize("whole", [whole_file, whole_folder])
def test_a_planted_link_is_not_written_through(tmp_path, monkeypatch, whole):
    """Whatever name is tried: names are drawn, and one that exists is not taken."""
    victim = tmp_path / "victim"
    victim.mkdir()
    place = tmp_path / "logs"
    place.mkdir()
    drawn = iter(["planted", "free"])
    monkeypatch.setattr("tempfile._get_candidate_names", lambda: drawn)
    (place / ".model.planted.tmp").symlink_to(victim)
    with whole(place / "model") as unfinished:
        (unfinished / "x" if whole is whole_folder else unfinished).write_text("ours")
    assert names(victim) == []
    assert names(place) == [".model.planted.tmp", "model"]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(28, "No space left"), r"model: cannot be written \(No space left\); free some"),
        (Exception("No space left on device (os error 28)"), "model: cannot be written .*free"),
        (OSError(13, "Permission denied"), r"\(Permission denied\); choose another place"),
    ],
)
def test_whatever_the_system_refuses_is_one_line_with_advice(tmp_path, error, line):
    with pytest.raises(FileError, match=line), whole_file(tmp_path / "model"):
        raise error


def test_a_file_system_that_does_not_synchronise_folders_is_written_to(tmp_path, monkeypatch):
    def only_files(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr("os.fsync", only_files)
    with whole_folder(tmp_path / "model") as unfinished:
        (unfinished / "file").write_text("")
    assert names(tmp_path / "model") == ["file"]
    assert flush(tmp_path / "model" / "file")
    assert not flush(tmp_path)


def test_an_error_that_names_another_file_passes_as_it_is(tmp_path):
    inner = FileError(tmp_path / "index", OSError(28, "full"))
    with pytest.raises(FileError, match="^[^(]*index: "), whole_file(tmp_path / "answers.jsonl"):
        raise inner


def test_a_fault_of_the_writer_is_not_blamed_on_the_disk(tmp_path):
    with pytest.raises(ValueError, match="mine"), whole_file(tmp_path / "model"):
        raise ValueError("mine")
