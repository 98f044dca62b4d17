import sys

import pytest

from analysis import to_legacy


def test_the_command_prints_the_run(tmp_path, runlog_text, monkeypatch, capsys):
    run = tmp_path / "run.jsonl"
    run.write_text(runlog_text(config={"batch_size": 8}), "utf-8")
    monkeypatch.setattr(sys, "argv", ["to_legacy", str(run)])
    with pytest.raises(SystemExit) as stop:
        to_legacy.main()
    assert not stop.value.code
    assert "开始第1个epoch的训练\n" in capsys.readouterr().out
