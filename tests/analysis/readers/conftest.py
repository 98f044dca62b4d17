"""A folder of logs of both formats, for the tests of reading."""

import pytest


@pytest.fixture
def log_folder(tmp_path, legacy_text, runlog_text):
    """A folder with a legacy log and, one folder down, a JSONL log of an interrupted run."""
    folder = tmp_path / "logs"
    (folder / "new").mkdir(parents=True)
    (folder / "with_relu_logs.txt").write_text(legacy_text(), encoding="utf-8")
    (folder / "new" / "a.jsonl").write_text(
        runlog_text(run_id="a", status="interrupted"), encoding="utf-8"
    )
    return folder
