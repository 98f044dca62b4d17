from dataclasses import replace

import polars as pl
import pytest

from analysis.errors import AnalysisError
from analysis.readers import logs
from analysis.rendering.legacy_text import legacy_text as written

TOP1 = {
    "training": [0.1, 0.25, 0.5],
    "validation": [0.125, 0.375, 0.3125],
    "test": [0.05, 0.2, 0.35],
}


@pytest.fixture(params=[1, 2])
def run(tmp_path, runlog_text, request):
    path = tmp_path / "run.jsonl"
    options = {"top1": TOP1, "steps": [1, 3, 5], "config": {"batch_size": 8}}
    path.write_text(runlog_text(run_id="run", schema=request.param, **options), "utf-8")
    return path


def values(path, metric, *columns):
    log = logs.read([str(path)])
    chosen = log.metrics.filter(pl.col("metric") == metric, pl.col("event") != "mine")
    return chosen.select(*columns, "value").sort(*columns).rows()


def test_what_is_written_reads_as_the_same_run(run, tmp_path):
    legacy = tmp_path / "with_relu.txt"
    legacy.write_text(written(logs.read([str(run)])), "utf-8")
    trained = [row for row in values(run, "top1", "epoch", "split") if row[0] > 0]
    assert values(legacy, "top1", "epoch", "split") == trained
    assert values(legacy, "loss", "epoch") == values(run, "loss", "epoch")
    assert logs.read([str(legacy)]).rejected.is_empty()


def test_mini_batches_count_from_0_in_every_epoch(run, tmp_path):
    legacy = tmp_path / "with_relu.txt"
    legacy.write_text(written(logs.read([str(run)])), "utf-8")
    steps = [(epoch, step) for epoch, step, _ in values(legacy, "loss", "epoch", "step")]
    assert steps == [(0, 0), (0, 2), (0, 4), (1, 0), (1, 2), (1, 4)]


def test_a_log_that_tells_no_batch_size_shows_its_steps(run, tmp_path, runlog_text):
    for config in ({}, {"batch_size": 0}, {"batch_size": "many"}):
        text = runlog_text(run_id="run", top1=TOP1, steps=[1, 3, 5], config=config)
        run.write_text(text, "utf-8")
        printed = written(logs.read([str(run)]))
        assert printed.count("当前第4个mini batch") == 2
    text = "".join(line + "\n" for line in text.splitlines() if '"event": "pools"' in line)
    run.write_text(text, "utf-8")
    with pytest.raises(AnalysisError, match="run.jsonl: does not say how many steps an epoch has"):
        written(logs.read([str(run)]))


def test_epochs_without_an_evaluation_keep_their_losses(run, tmp_path):
    log = logs.read([str(run)])
    evaluated = pl.col("event") != "eval"
    metrics = log.metrics.filter(evaluated | (pl.col("epoch") == 1))
    legacy = tmp_path / "with_relu.txt"
    legacy.write_text(written(replace(log, metrics=metrics)), "utf-8")
    assert values(legacy, "loss", "epoch") == values(run, "loss", "epoch")
    assert {epoch for epoch, _ in values(legacy, "top1", "epoch")} == {1}


def test_a_legacy_log_is_refused(tmp_path, legacy_text):
    (tmp_path / "with_relu.txt").write_text(legacy_text(), "utf-8")
    with pytest.raises(AnalysisError, match="with_relu.txt: is in the legacy format already"):
        written(logs.read([str(tmp_path)]))


def test_more_than_one_run_is_refused(run, tmp_path, runlog_text):
    (tmp_path / "second.jsonl").write_text(runlog_text(run_id="second", top1=TOP1), "utf-8")
    with pytest.raises(AnalysisError, match="2 runs found: name the JSONL log of one"):
        written(logs.read([str(tmp_path)]))
