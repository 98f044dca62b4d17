from pathlib import Path

from analysis import to_legacy

PUBLISHED = Path(__file__).parents[2] / "logs" / "reference"


def test_the_command_prints_the_run(tmp_path, runlog_text, call):
    run = tmp_path / "run.jsonl"
    run.write_text(runlog_text(config={"batch_size": 8}), "utf-8")
    status, printed, _ = call(to_legacy.main, run)
    assert status == 0
    assert "开始第1个epoch的训练\n" in printed


def test_nothing_is_said_of_predictions_which_that_format_has_not(call):
    status, _, complaint = call(to_legacy.main, PUBLISHED / "strong-with_relu-seed0.jsonl")
    assert (status, complaint) == (0, "")
