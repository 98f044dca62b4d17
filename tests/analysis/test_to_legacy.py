from analysis import to_legacy


def test_the_command_prints_the_run(tmp_path, runlog_text, call):
    run = tmp_path / "run.jsonl"
    run.write_text(runlog_text(config={"batch_size": 8}), "utf-8")
    status, printed, _ = call(to_legacy.main, run)
    assert status == 0
    assert "开始第1个epoch的训练\n" in printed
