import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis import report
from analysis.schema import Log


def test_the_command_writes_one_file_and_says_where(
    read_runs: Callable[..., Log],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    read_runs({})
    out = tmp_path / "results"
    monkeypatch.setattr(sys, "argv", ["report", str(tmp_path), f"--out={out}"])
    with pytest.raises(SystemExit) as ended:
        report.main()
    assert not ended.value.code
    assert [path.name for path in out.iterdir()] == ["report.html"]
    assert f"wrote {out / 'report.html'}" in capsys.readouterr().out
