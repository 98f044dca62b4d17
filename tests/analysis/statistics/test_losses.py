import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from made_up_runs import CURVE
from single_study import one_study

from analysis.readers import logs
from analysis.schema import Log
from analysis.statistics.losses import LOSS_POINTS, hard_ratios, losses


def test_a_thinned_loss_keeps_every_spike_in_its_ends(read: Callable[..., Log]) -> None:
    log = read({"steps": range(1, 301)})
    spike = (pl.col("metric") == "loss") & (pl.col("step") == 137)
    metrics = log.metrics.with_columns(value=pl.when(spike).then(99.0).otherwise("value"))
    loss = losses(log.runs, metrics, one_study(log).by_run).filter(pl.col("metric") == "loss")
    assert loss.height <= LOSS_POINTS
    assert loss["high"].max() == 99


def constant(log: Log, **of_run: float) -> pl.DataFrame:
    """METRICS of `log` with a constant in the place of each loss of a run."""
    value = pl.col("run_id").replace_strict(of_run, default=None, return_dtype=pl.Float64)
    return log.metrics.with_columns(
        value=pl.when(pl.col("metric") == "loss").then(value).otherwise("value")
    )


def means(log: Log, metrics: pl.DataFrame) -> list[float]:
    by_run = one_study(log).by_run
    return losses(log.runs, metrics, by_run).filter(metric="loss")["value"].to_list()


def test_the_mean_of_two_runs_ends_where_the_first_of_them_ends(read: Callable[..., Log]) -> None:
    short = {split: values[:3] for split, values in CURVE.items()}
    going = {"status": None, "config": {"epochs": 4}}
    log = read({"seed": 0, **going}, {"seed": 1, "top1": short, **going})
    assert means(log, constant(log, r0=1, r1=3)) == [2] * 4  # two epochs of two steps
    ratios = hard_ratios(log.metrics, one_study(log).by_run)
    assert ratios["epoch"].to_list() == [0, 1, 2]
    assert ratios["value"][1] == ratios["value"][2]  # what is mined holds for the whole epoch


def test_a_run_that_logs_every_step_weighs_no_more_than_one_that_logs_the_tenth(
    read: Callable[..., Log],
) -> None:
    often, seldom = {"seed": 0, "steps": range(1, 41)}, {"seed": 1, "steps": range(10, 41, 10)}
    log = read(often, seldom)
    found = losses(log.runs, constant(log, r0=1, r1=3), one_study(log).by_run)
    found = found.filter(metric="loss")
    assert set(found["value"]) == {2}
    assert found["epoch"].min() == 0.25
    assert found["epoch"].max() == pytest.approx(4, abs=0.02)
    assert set(found["low"]) == {1}
    assert set(found["high"]) == {3}


def test_parts_times_their_weights_add_up_to_the_loss(
    runlog_lines: Callable[..., list[dict[str, Any]]], tmp_path: Path
) -> None:
    weights = {"triplet_weight": 0.5, "in_batch_weight": 3.0, "listwise_weight": 0}
    lines = runlog_lines(config=weights)
    for number, line in enumerate(lines):
        if line["event"] == "step":
            logged = (line["triplet_loss"], line["positive_loss"], line["negative_loss"])
            line |= {"in_batch_loss": 0.1 * number, "listwise_loss": 0.0}
            line["loss"] = 0.5 * sum(logged) + 3 * line["in_batch_loss"]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "a.jsonl").write_text(text, encoding="utf-8")
    log = logs.read([tmp_path])
    found = losses(log.runs, log.metrics, one_study(log).by_run)
    assert "listwise_loss" not in found["metric"]  # a part that is always 0
    whole, parts = pl.col("metric") == "loss", pl.col("metric") != "loss"
    sums = found.filter(parts).group_by("epoch").agg(pl.col("value").sum()).sort("epoch")
    assert found.filter(whole)["value"].to_list() == pytest.approx(sums["value"].to_list())


def test_the_share_of_hard_negatives_is_averaged_over_runs(read: Callable[..., Log]) -> None:
    log = read({"seed": 0}, {"seed": 1})
    ratios = hard_ratios(log.metrics, one_study(log).by_run)
    assert ratios["value"].to_list() == [0.8, 0.7, 0.6, 0.5, 0.5]  # the last one to its end


def test_the_share_of_a_mining_holds_until_the_end_of_training(read: Callable[..., Log]) -> None:
    log = read({})
    rarely = log.metrics.filter((pl.col("event") != "mine") | pl.col("epoch").is_in([0, 2]))
    ratios = hard_ratios(rarely, one_study(log).by_run)
    assert ratios.select("epoch", "value").rows() == [(0, 0.8), (2, 0.6), (4, 0.6)]
