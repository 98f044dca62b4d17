import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis import to_tensorboard
from analysis.schema import Log

Call = Callable[..., tuple[int, str, str]]


def test_each_variant_and_seed_of_a_study_is_a_folder(
    read_runs: Callable[..., Log],
    tmp_path: Path,
    call: Call,
) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    read_runs({"seed": 0}, {"seed": 1, "relu": True}, {"seed": 1, "relu": True, "status": None})
    out = tmp_path / "events"
    status, printed, _ = call(to_tensorboard.main, tmp_path, f"--out={out}")
    assert status == 0
    assert {str(path.parent.relative_to(out)) for path in out.rglob("*tfevents*")} == {
        "sample-corpus/with_layernorm-seed0",
        "sample-corpus/with_layernorm_relu-seed1-r1",
        "sample-corpus/with_layernorm_relu-seed1-r2",
    }
    assert f"wrote 3 runs to {out}: tensorboard --logdir={out}" in printed


def test_runs_whose_names_are_one_as_folders_have_a_folder_each(
    tmp_path: Path, legacy_text: Callable[..., str], call: Callable[..., tuple[int, str, str]]
) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    for name in ("my log.txt", "my-log.txt"):
        (tmp_path / name).write_text(legacy_text(), "utf-8")
    call(to_tensorboard.main, tmp_path)
    assert len([*tmp_path.rglob("events.out.tfevents.*")]) == 2


def test_a_log_that_has_grown_is_added_to_the_file_that_tensorboard_reads(
    tmp_path: Path, runlog_text: Callable[..., str], call: Call
) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    text = runlog_text().splitlines(keepends=True)
    sizes, files = [], []
    for lines in (text[:12], text):
        (tmp_path / "a.jsonl").write_text("".join(lines), encoding="utf-8")
        call(to_tensorboard.main, tmp_path, f"--out={tmp_path / 'events'}")
        (path,) = (tmp_path / "events").rglob("*tfevents*")
        sizes.append(path.stat().st_size)
        files.append(path.stat().st_ino)
    assert sizes[0] < sizes[1]
    assert files[0] == files[1]


def test_what_an_earlier_call_left_in_the_folder_is_named(
    tmp_path: Path, runlog_text: Callable[..., str], call: Call
) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    path, out = tmp_path / "a.jsonl", tmp_path / "events"
    path.write_text(runlog_text(relu=True, seed=1), encoding="utf-8")
    assert "earlier" not in call(to_tensorboard.main, path, f"--out={out}")[2]
    path.write_text(runlog_text(relu=True, seed=2), encoding="utf-8")
    _, _, said = call(to_tensorboard.main, path, f"--out={out}")
    assert "with_layernorm_relu-seed1: from an earlier call, left unchanged" in said


def test_without_tensorboard_the_command_ends_with_status_1(
    read_runs: Callable[..., Log],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: Call,
) -> None:
    read_runs({})
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    status, _, printed = call(to_tensorboard.main, tmp_path)
    assert status == 1
    assert "to_tensorboard: tensorboard is not installed" in printed
