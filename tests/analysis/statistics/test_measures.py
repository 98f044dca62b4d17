from collections.abc import Callable

import polars as pl
import pytest
from made_up_runs import CURVE, one_row

from analysis.schema import RUNS, Log
from analysis.statistics.measures import MEASURES, per_run
from analysis.statistics.results import Results


def test_the_figures_of_a_run_are_those_computed_by_hand(read: Callable[..., Log]) -> None:
    row = one_row(Results(read({})).by_run)
    assert row["best_validation"] == 0.4
    assert row["best_epoch"] == 3  # the first of the two that tie
    assert row["test_at_best"] == 0.35  # neither the best test figure nor the last
    assert row["last_validation"] == 0.4
    assert row["last_test"] == 0.45
    assert row["epochs_to_95"] == 1  # 0.38 is 95 % of 0.4 exactly
    assert row["area"] == pytest.approx((0.19 + 0.388 + 0.398 + 0.4) / 4)
    assert row["stability"] == pytest.approx(pl.Series([0.396, 0.4, 0.4]).std())
    assert row["gap"] == pytest.approx(0.4)
    assert (row["n_training"], row["n_validation"], row["n_test"]) == (40, 16, 20)


def test_an_evaluation_within_the_first_epoch_is_neither_the_best_nor_the_last(
    read: Callable[..., Log],
) -> None:
    whole, with_parts, stopped = (
        Results(read({"within": within, "top1": top1})).by_run
        for within, top1 in (
            ((), CURVE),
            ((0.9, 0.9), CURVE),
            ((0.9,), {split: [0.25, 0.0] for split in CURVE}),
        )
    )
    assert whole.equals(with_parts)
    row = one_row(stopped)
    assert (row["best_validation"], row["best_epoch"]) == (0.25, 0)
    assert (row["last_validation"], row["last_epoch"]) == (0.0, 1)


def test_the_area_weighs_unequal_steps_between_evaluations_by_their_epochs() -> None:
    metrics = pl.DataFrame(
        [
            ("a", "eval", e, None, "validation", "top1", v, 10)
            for e, v in ((0, 0.0), (1, 0.4), (5, 0.4))
        ],
        schema=["run_id", "event", "epoch", "step", "split", "metric", "value", "n"],
        orient="row",
    )
    runs = pl.DataFrame([{"run_id": "a", "format": "legacy", "variant": "with_relu"}], schema=RUNS)
    assert one_row(per_run(runs, metrics))["area"] == pytest.approx((0.2 + 4 * 0.4) / 5)


def test_what_a_log_does_not_hold_is_null_and_never_zero(read: Callable[..., Log]) -> None:
    log = read({})
    no_test = log.metrics.filter(pl.col("split").ne_missing("test"))
    row = one_row(per_run(log.runs, no_test))
    assert (row["test_at_best"], row["last_test"], row["n_test"]) == (None, None, None)
    assert row["best_validation"] == 0.4
    empty = one_row(per_run(log.runs, log.metrics.clear()))
    assert all(empty[name] is None for name in MEASURES)


def test_a_run_of_two_evaluations_has_no_stability(read: Callable[..., Log]) -> None:
    short = {split: values[:2] for split, values in CURVE.items()}
    assert one_row(Results(read({"top1": short})).by_run)["stability"] is None


def test_of_two_runs_with_one_seed_the_longer_counts(read: Callable[..., Log]) -> None:
    short = {split: values[:3] for split, values in CURVE.items()}
    log = read({"config": {"epochs": 4}}, {"top1": short, "config": {"epochs": 4}})
    counted = Results(log).by_run.filter("counted")
    assert counted["run_id"].to_list() == ["r0"]
