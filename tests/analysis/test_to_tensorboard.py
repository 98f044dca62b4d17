import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis import to_tensorboard
from analysis.schema import Log


def convert(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["to_tensorboard", *arguments])
    with pytest.raises(SystemExit) as ended:
        to_tensorboard.main()
    return int(str(ended.value.code or 0))


def test_each_variant_and_seed_of_a_study_is_a_folder(
    read_runs: Callable[..., Log],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    read_runs({"seed": 0}, {"seed": 1, "relu": True}, {"seed": 1, "relu": True, "status": None})
    out = tmp_path / "events"
    assert convert(monkeypatch, str(tmp_path), f"--out={out}") == 0
    assert {str(path.parent.relative_to(out)) for path in out.rglob("*tfevents*")} == {
        "sample-corpus/with_layernorm-seed0",
        "sample-corpus/with_layernorm_relu-seed1-r1",
        "sample-corpus/with_layernorm_relu-seed1-r2",
    }
    assert f"wrote 3 runs to {out}: tensorboard --logdir={out}" in capsys.readouterr().out


def test_a_log_that_has_grown_is_added_to_the_file_that_tensorboard_reads(
    tmp_path: Path, runlog_text: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    text = runlog_text().splitlines(keepends=True)
    sizes, files = [], []
    for lines in (text[:12], text):
        (tmp_path / "a.jsonl").write_text("".join(lines), encoding="utf-8")
        convert(monkeypatch, str(tmp_path), f"--out={tmp_path / 'events'}")
        (path,) = (tmp_path / "events").rglob("*tfevents*")
        sizes.append(path.stat().st_size)
        files.append(path.stat().st_ino)
    assert sizes[0] < sizes[1]
    assert files[0] == files[1]


def test_without_tensorboard_the_command_ends_with_status_1(
    read_runs: Callable[..., Log],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    read_runs({})
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    assert convert(monkeypatch, str(tmp_path)) == 1
    assert "to_tensorboard: tensorboard is not installed" in capsys.readouterr().err
