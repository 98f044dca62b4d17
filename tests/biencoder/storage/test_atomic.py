import pytest

from biencoder.errors import FileError
from biencoder.storage.atomic import whole_file, whole_folder


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


def test_a_folder_takes_the_place_of_an_older_one(tmp_path):
    path = tmp_path / "model"
    left_by_a_killed_process = tmp_path / ".model.old"
    left_by_a_killed_process.mkdir()
    (left_by_a_killed_process / "file").write_text("")
    for text in ("old", "new"):
        with whole_folder(path) as unfinished:
            (unfinished / text).write_text(text)
    assert names(path) == ["new"]
    assert names(tmp_path) == ["model"]


def test_a_folder_that_fails_leaves_the_old_one_and_nothing_beside_it(tmp_path):
    path = tmp_path / "model"
    with whole_folder(path) as unfinished:
        (unfinished / "old").write_text("")
    with pytest.raises(FileError, match=r"cannot be written \(full\); free some space"):
        fill_halfway(whole_folder(path), lambda unfinished: (unfinished / "new").write_text(""))
    assert names(path) == ["old"]
    assert names(tmp_path) == ["model"]


def test_what_a_killed_process_left_behind_is_cleared_away(tmp_path):
    (tmp_path / ".model.tmp").mkdir()
    (tmp_path / ".model.tmp" / "half").write_text("")
    with whole_folder(tmp_path / "model") as unfinished:
        (unfinished / "whole").write_text("")
    assert names(tmp_path / "model") == ["whole"]
