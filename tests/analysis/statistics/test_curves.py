from collections.abc import Callable
from functools import partial

import polars as pl
import pytest
from figure_reading import CURVE, scaled
from single_study import one_study

from analysis.schema import Log
from analysis.statistics.curves import bands, curves


@pytest.fixture
def read(read_runs: Callable[..., Log]) -> Callable[..., Log]:
    """`read(run, …)`: `read_runs` with a curve of four evaluations as top-1 of each run."""
    return partial(read_runs, top1=CURVE)


def test_a_band_spans_the_seeds_around_their_mean(read: Callable[..., Log]) -> None:
    log = read({"seed": 0}, {"seed": 1, "top1": scaled(0.5)})
    band = bands(curves(log.metrics), one_study(log).by_run)
    row = band.filter(pl.col("split") == "validation", pl.col("epoch") == 2).row(0, named=True)
    assert (row["value"], row["low"], row["high"], row["runs"]) == pytest.approx((0.3, 0.2, 0.4, 2))


def test_the_band_of_a_single_run_is_wilsons_interval(read: Callable[..., Log]) -> None:
    results = one_study(log := read({}))
    band = bands(curves(log.metrics), results.by_run)
    row = band.filter(pl.col("split") == "validation", pl.col("epoch") == 2).row(0, named=True)
    best = results.by_configuration.row(0, named=True)
    assert (row["low"], row["high"]) == (best["best_validation_low"], best["best_validation_high"])


def test_a_mean_over_seeds_ends_where_the_first_of_them_ends(read: Callable[..., Log]) -> None:
    short = {split: values[:2] for split, values in CURVE.items()}
    config = {"epochs": 3}
    log = read({"seed": 0, "config": config}, {"seed": 1, "top1": short, "config": config})
    band = bands(curves(log.metrics), one_study(log).by_run)
    assert band["epoch"].max() == 1


def test_the_untrained_encoder_is_no_evaluation(read: Callable[..., Log]) -> None:
    metrics = read({}).metrics.filter((pl.col("event") != "eval") | (pl.col("epoch") > 0))
    assert metrics.filter(event="untrained", epoch=0, metric="top1").height == 3
    assert curves(metrics)["epoch"].to_list() == [1, 2, 3]
