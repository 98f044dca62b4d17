from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analysis.readers import logs
from analysis.schema import Log
from analysis.statistics.progress import progress

REFERENCE = Path(__file__).parents[3] / "logs" / "reference"

#: Forty pairs in batches of four are ten steps an epoch.
CONFIG = {"epochs": 4, "batch_size": 4}


def told(log: Log) -> dict[str, Any]:
    (row,) = progress(log.runs, log.metrics).to_dicts()
    return row


def until(log: Log, event: str, epoch: int, step: int = 10**6) -> Log:
    """The log as it was when this event was its last."""
    metrics = log.metrics.with_row_index()
    at = pl.col("step").fill_null(0) <= step
    last = metrics.filter(at, event=event, epoch=epoch)["index"].max()
    return replace(log, metrics=metrics.filter(pl.col("index") <= last).drop("index"))


def test_before_the_first_step_only_the_plan_is_known(read_runs: Callable[..., Log]) -> None:
    row = told(until(read_runs({"config": CONFIG, "steps": (5, 10)}), "mine", 0))
    assert (row["epoch"], row["epochs"], row["step"], row["steps"]) == (1, 4, 0, 40)
    assert row["validation"] == 0.125
    assert row["loss"] is row["rate"] is row["seconds_left"] is None


def test_within_an_epoch_the_time_to_go_is_that_of_steps_and_evaluations(
    read_runs: Callable[..., Log],
) -> None:
    log = until(read_runs({"config": CONFIG, "steps": (5, 10)}), "step", 1, 15)
    row = told(log)
    assert (row["epoch"], row["step"], row["rate"]) == (2, 15, 100.0)
    assert row["loss"] == pytest.approx((2.0 + 2.0 + 1.0) / 3)
    assert row["validation"] == 0.25
    # 25 steps of 4 pairs at 100 pairs a second; three evaluations of three splits at half a
    # second, and mining a quarter.
    assert row["seconds_left"] == pytest.approx(1.0 + 3 * (3 * 0.5 + 0.25))


def test_the_time_to_go_has_the_evaluations_that_are_to_come(
    read_runs: Callable[..., Log],
) -> None:
    every_third = {"config": CONFIG | {"eval_every": 3}, "steps": (5, 10)}
    row = told(until(read_runs(every_third), "step", 1, 15))
    assert row["seconds_left"] == pytest.approx(1.0 + 2 * (3 * 0.5 + 0.25))  # epochs 3 and 4


@pytest.mark.parametrize(("step", "seconds"), [(10, 1330), (60, 706), (80, 468)])
def test_a_published_run_was_told_about_how_long_it_would_take(step: int, seconds: int) -> None:
    """It evaluates four times within its epoch, and its first evaluation took no time."""
    log = logs.read([REFERENCE / "strong-with_relu-seed0.jsonl"])
    assert told(until(log, "step", 0, step))["seconds_left"] == pytest.approx(seconds, rel=0.3)


def test_epochs_without_number_take_no_time_to_count(read_runs: Callable[..., Log]) -> None:
    endless = {"config": CONFIG | {"epochs": 10**9, "eval_every": 7}, "steps": (5, 10)}
    assert told(until(read_runs(endless), "step", 1, 15))["seconds_left"] > 10**8


def test_after_the_last_step_the_last_epoch_is_going_on(read_runs: Callable[..., Log]) -> None:
    log = read_runs({"config": {"epochs": 2, "batch_size": 4}, "steps": (5, 10)})
    row = told(until(log, "step", 1))
    assert (row["epoch"], row["step"], row["steps"]) == (2, 20, 20)


def test_a_run_that_has_logged_nothing_has_no_figures(read_runs: Callable[..., Log]) -> None:
    log = read_runs({"config": {"epochs": 2}})
    row = told(replace(log, metrics=log.metrics.clear()))
    assert row["epochs"] == 2
    assert row["steps"] is row["epoch"] is row["seconds_left"] is None


def test_a_config_that_no_run_can_have_is_as_if_it_said_nothing(
    read_runs: Callable[..., Log],
) -> None:
    row = told(read_runs({"config": {"epochs": "many", "batch_size": 0}, "steps": (5, 10)}))
    assert row["step"] > 0
    assert row["epochs"] is row["steps"] is row["seconds_left"] is None
