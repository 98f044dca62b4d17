import contextlib
import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from biencoder.errors import CheckpointError, FileError
from biencoder.storage.checkpoint import verify
from biencoder.storage.run_checkpoints import drop_training_state, find, newest


def name(epoch):
    return f"epoch-{epoch:04d}-step-{10 * epoch:06d}-evaluated"


def saved(run_dir):
    return sorted(path.name for path in run_dir.iterdir() if path.is_dir())


def test_a_run_keeps_its_best_checkpoint_and_its_last_two(tmp_path, save_epoch):
    for epoch, best in enumerate([True, True, False, False, False]):
        save_epoch(epoch, best=best)
    assert saved(tmp_path / "run") == [name(1), name(3), name(4)]
    index = json.loads((tmp_path / "run" / "checkpoints.json").read_text())
    assert index == {"best": name(1), "last": name(4), "previous": name(3)}


def test_a_finished_run_keeps_its_best_and_its_last_weights_alone(tmp_path, save_epoch):
    for epoch, best in enumerate([True, False, False]):
        save_epoch(epoch, best=best)
    drop_training_state(tmp_path / "run")
    assert saved(tmp_path / "run") == [name(0), name(2)]
    assert not list((tmp_path / "run").rglob("training.safetensors"))
    for folder in (tmp_path / "run").glob("epoch-*"):
        verify(folder)


def test_the_clean_up_trusts_no_file_that_it_finds_and_rewrites_nothing_twice(tmp_path, save_epoch):
    folder = save_epoch(0, best=True)
    left_by_a_killed_process = folder / ".checksums.json.tmp"
    left_by_a_killed_process.write_text("")
    drop_training_state(tmp_path / "run")
    left_by_a_killed_process.unlink()
    verify(folder)
    written = (folder / "checksums.json").stat().st_ino
    drop_training_state(tmp_path / "run")
    assert (folder / "checksums.json").stat().st_ino == written


@pytest.mark.parametrize("reference", ["run", "{tmp}/run", "{tmp}/run/" + name(0)])
def test_a_run_id_a_run_folder_and_a_checkpoint_folder_all_lead_to_weights(
    tmp_path, save_epoch, reference
):
    folder = save_epoch(0, best=True)
    assert find(reference.format(tmp=tmp_path), tmp_path) == folder


def test_a_run_id_is_looked_for_below_the_checkpoint_folder_first(
    tmp_path, save_epoch, monkeypatch
):
    folder = save_epoch(0, best=True)
    copy = tmp_path / "elsewhere" / "run"
    shutil.copytree(folder.parent, copy)
    monkeypatch.chdir(copy.parent)
    assert find("run", tmp_path) == folder
    assert find("./run", tmp_path) == Path("run", folder.name)


def test_a_reference_to_nothing_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="nothing: no checkpoint there"):
        find("nothing", tmp_path)


def test_an_index_cannot_lead_out_of_the_run(tmp_path, save_epoch):
    save_epoch(0, best=True)
    index = tmp_path / "run" / "checkpoints.json"
    for outside in ("../../etc", "..", ".", "", name(0) + "/..", 7):
        index.write_text(json.dumps({"best": outside, "last": outside}))
        with pytest.raises(CheckpointError):
            find("run", tmp_path)
        with contextlib.suppress(CheckpointError):
            assert newest(tmp_path / "run") == (None, [])
        assert saved(tmp_path / "run") == [name(0)]


@pytest.mark.parametrize("content", ["", "{", "5", "[1]", '{"best": 5}', "[" * 100_000])
def test_a_damaged_index_is_one_line_and_costs_no_checkpoint(tmp_path, save_epoch, content):
    save_epoch(0, best=True)
    (tmp_path / "run" / "checkpoints.json").write_text(content)
    for use in (lambda: newest(tmp_path / "run"), lambda: save_epoch(1)):
        with pytest.raises(CheckpointError, match=r"checkpoints.json: damaged; restore it"):
            use()
    assert name(0) in saved(tmp_path / "run")


@pytest.mark.parametrize("file", ["model.safetensors", "training.safetensors", "state.json"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_a_damaged_newest_checkpoint_is_set_aside_and_the_one_before_it_used(
    tmp_path, save_epoch, file, damage
):
    save_epoch(0, best=True)
    path = save_epoch(1) / file
    content = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    else:
        path.unlink()
    assert newest(tmp_path / "run") == (tmp_path / "run" / name(0), [name(1)])
    assert (tmp_path / "run" / f"{name(1)}.damaged").is_dir()


def test_the_checkpoint_before_a_damaged_one_is_kept_until_another_is_whole(tmp_path, save_epoch):
    for epoch, best in ((0, True), (1, False), (2, False)):
        save_epoch(epoch, best=best)
    (tmp_path / "run" / name(2) / "state.json").write_text("{}")
    newest(tmp_path / "run")
    save_epoch(3)
    index = json.loads((tmp_path / "run" / "checkpoints.json").read_text())
    assert index == {"best": name(0), "last": name(3), "previous": name(1)}
    assert {name(0), name(1), name(3)} < set(saved(tmp_path / "run"))


def test_without_the_best_checkpoint_there_is_nothing_to_go_on_from(tmp_path, save_epoch):
    save_epoch(0, best=True)
    save_epoch(1)
    (tmp_path / "run" / name(0) / "model.safetensors").unlink()
    assert newest(tmp_path / "run") == (None, [name(0)])
    assert name(1) in saved(tmp_path / "run")


def test_what_was_set_aside_stays_at_the_next_start(tmp_path, save_epoch):
    save_epoch(0, best=True)
    (tmp_path / "run" / name(0) / "model.safetensors").unlink()
    for _ in range(2):
        assert newest(tmp_path / "run") == (None, [name(0)])
        assert (tmp_path / "run" / f"{name(0)}.damaged" / "state.json").is_file()


def test_a_former_checkpoint_that_cannot_be_removed_is_named_and_tried_again(
    tmp_path, save_epoch, monkeypatch
):
    """On NFS a folder is not empty while one of its files is open somewhere."""
    rmdir = os.rmdir

    def refuse(path, **rest):
        if Path(path).name.startswith("epoch-"):
            raise OSError(errno.ENOTEMPTY, "Directory not empty")
        return rmdir(path, **rest)

    with monkeypatch.context() as patch:
        patch.setattr("os.rmdir", refuse)
        for epoch, best in enumerate([True, True, False]):
            save_epoch(epoch, best=best)
        assert save_epoch.left == [name(0)]
    save_epoch(3)
    assert save_epoch.left == []
    assert saved(tmp_path / "run") == [name(1), name(2), name(3)]


def test_a_damaged_checkpoint_is_written_anew_and_a_whole_one_is_not(save_epoch):
    weights = save_epoch(0, best=True) / "model.safetensors"
    before = weights.stat().st_ino
    save_epoch(0, best=True)
    assert weights.stat().st_ino == before
    weights.write_bytes(b"damaged")
    verify(save_epoch(0, best=True))


def test_nothing_is_left_to_go_on_from_where_all_are_damaged(tmp_path, save_epoch):
    for epoch in (0, 1):
        (save_epoch(epoch) / "checksums.json").write_text("[]")
    assert newest(tmp_path / "run") == (None, [name(1), name(0)])


def test_a_checkpoint_that_fails_to_be_written_leaves_the_one_before_it(
    tmp_path, save_epoch, monkeypatch
):
    save_epoch(0, best=True)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("biencoder.storage.checkpoint.save_file", full)
    with pytest.raises(FileError, match=r"cannot be written \(No space left"):
        save_epoch(1, best=True)
    assert newest(tmp_path / "run") == (tmp_path / "run" / name(0), [])
    assert saved(tmp_path / "run") == [name(0)]
