from collections.abc import Callable
from dataclasses import replace

import polars as pl
import pytest
from made_up_runs import CURVE, one_row, scaled
from single_study import one_study

from analysis.schema import METRICS, RUNS, Log
from analysis.statistics.measures import MEASURES, per_run


def test_the_figures_of_a_run_are_those_computed_by_hand(read: Callable[..., Log]) -> None:
    row = one_row(one_study(read({})).by_run)
    assert row["best_validation"] == 0.4
    assert row["best_epoch"] == 3  # the first of the two that tie
    assert row["test_at_best"] == 0.35  # neither the best test figure nor the last
    assert row["last_validation"] == 0.4
    assert row["last_test"] == 0.45
    assert row["target"] == pytest.approx(0.4)
    assert row["epochs_to_target"] == pytest.approx(3)
    assert row["area"] == pytest.approx((0.19 + 0.388 + 0.398 + 0.4) / 4)
    assert row["stability"] is None  # of so few epochs it would be the rise
    assert row["gap"] == pytest.approx(0.4)
    assert (row["n_training"], row["n_validation"], row["n_test"]) == (40, 16, 20)


def test_a_run_stopped_between_two_splits_has_no_test_figure_of_an_earlier_epoch(
    read: Callable[..., Log],
) -> None:
    log = read({})
    last = (pl.col("epoch") == pl.col("epoch").max()) & (pl.col("split") == "test")
    row = one_row(one_study(replace(log, metrics=log.metrics.filter(~last))).by_run)
    assert (row["last_validation"], row["last_test"]) == (0.4, None)


def test_an_evaluation_within_the_first_epoch_is_neither_the_best_nor_the_last(
    read: Callable[..., Log],
) -> None:
    unaffected = pl.exclude("^area.*$", "target", "epochs_to_target")
    whole, with_parts, stopped = (
        one_study(read({"within": within, "top1": top1})).by_run
        for within, top1 in (
            ((), CURVE),
            ((0.9, 0.9), CURVE),
            ((0.9,), {split: [0.25, 0.0] for split in CURVE}),
        )
    )
    assert whole.select(unaffected).equals(with_parts.select(unaffected))
    row = one_row(stopped)
    assert (row["best_validation"], row["best_epoch"]) == (0.25, 0)
    assert (row["last_validation"], row["last_epoch"]) == (0.0, 1)


def evaluated(*curve: tuple[float, float], step: int = 10) -> pl.DataFrame:
    """The measures of a run with these epochs and shares on validation."""
    metrics = [
        ("a", "eval", int(epoch), round(epoch * step), "validation", "top1", share, 10)
        for epoch, share in curve
    ]
    run = {"run_id": "a", "configuration": "x", "variant": "x", "format": "jsonl"}
    runs = pl.DataFrame([run], schema=RUNS | {"configuration": pl.String})
    return per_run(runs, pl.DataFrame(metrics, schema=METRICS, orient="row"))


def test_the_area_weighs_unequal_steps_between_evaluations_by_their_epochs() -> None:
    row = one_row(evaluated((0, 0.0), (1, 0.4), (5, 0.4)))
    assert row["area"] == pytest.approx((0.2 + 4 * 0.4) / 5)


def test_the_area_counts_evaluations_within_the_first_epoch() -> None:
    row = one_row(evaluated((0, 0.0), (0.2, 0.3), (1, 0.4), (2, 0.4)))
    assert row["area"] == pytest.approx((0.2 * 0.15 + 0.8 * 0.35 + 0.4) / 2)


def test_runs_that_were_evaluated_at_other_epochs_are_measured_where_all_were(
    read: Callable[..., Log],
) -> None:
    usual, within = {"relu": True}, {"within": (0.35, 0.38)}
    plain = one_study(read(usual, {})).by_run
    mixed = one_study(read(usual, within, {"seed": 1, "status": "failed", "within": (0.9,)})).by_run
    compared = ("area", "target", "epochs_to_target")
    assert mixed.filter("counted").select(compared).equals(plain.select(compared))


def test_a_run_of_one_evaluation_does_not_limit_where_others_are_measured(
    read: Callable[..., Log],
) -> None:
    running = {"status": None, "config": {"epochs": 4}}
    begun = {"relu": True, "top1": {split: values[:1] for split, values in CURVE.items()}}
    areas = one_study(read(running, running | begun)).by_run["area"]
    assert areas.null_count() == 1
    assert (0.19 + 0.388 + 0.398 + 0.4) / 4 in [pytest.approx(area) for area in areas.drop_nulls()]


def test_one_evaluation_has_no_area() -> None:
    assert one_row(evaluated((0, 0.3)))["area"] is None


def test_the_epoch_of_the_target_lies_on_the_line_between_two_evaluations() -> None:
    row = one_row(evaluated((0, 0.1), (0.2, 0.25), (0.6, 0.45), (1, 0.44), (2, 0.52)))
    assert row["target"] == pytest.approx(0.5)
    assert row["epochs_to_target"] == pytest.approx(1 + 0.06 / 0.08)
    within = one_row(evaluated((0, 0.1), (0.2, 0.25), (0.6, 0.43), (1, 0.39)))
    assert within["target"] == pytest.approx(0.4)
    assert within["epochs_to_target"] == pytest.approx(0.2 + 0.4 * 0.15 / 0.18)


def test_the_target_is_the_highest_multiple_of_five_points_that_every_counted_run_reaches(
    read: Callable[..., Log],
) -> None:
    runs = [{"relu": True}, {"top1": scaled(0.9)}]  # their best: 40 and 36 %
    failed = {"seed": 1, "top1": scaled(0.1), "status": "failed"}
    table = one_study(read(*runs, failed)).by_run
    assert table["target"].to_list() == pytest.approx([0.35] * 3)
    reached = dict(table.select("run_id", "epochs_to_target").rows())
    assert reached == {
        "r0": pytest.approx(0.35 / 0.38),
        "r1": pytest.approx(1 + (0.35 - 0.342) / (0.3564 - 0.342)),
        "r2": None,
    }


@pytest.mark.parametrize("points", range(5, 100, 5))
def test_a_multiple_that_is_reached_exactly_is_the_target(points: int) -> None:
    row = one_row(evaluated((0, 0.0), (1, points / 100)))
    assert row["target"] == pytest.approx(points / 100)
    assert row["epochs_to_target"] == pytest.approx(1)


def test_where_a_run_reaches_nothing_there_is_no_target(read: Callable[..., Log]) -> None:
    table = one_study(read({"relu": True}, {"top1": scaled(0.1)})).by_run
    assert table["target"].to_list() == table["epochs_to_target"].to_list() == [None, None]


def test_a_target_of_ones_own_may_be_out_of_reach_of_some_runs(read: Callable[..., Log]) -> None:
    log = read({"relu": True}, {"top1": scaled(0.5)})
    reached = one_study(log, target=0.38).by_run.select("run_id", "target", "epochs_to_target")
    assert sorted(reached.rows()) == [("r0", 0.38, pytest.approx(1)), ("r1", 0.38, None)]


def test_a_run_that_starts_at_the_target_has_reached_it_at_epoch_0() -> None:
    assert one_row(evaluated((0, 0.35), (1, 0.2), (2, 0.36)))["epochs_to_target"] == 0


def test_what_a_log_does_not_hold_is_null_and_never_zero(read: Callable[..., Log]) -> None:
    log = read({})
    no_test = replace(log, metrics=log.metrics.filter(pl.col("split").ne_missing("test")))
    row = one_row(one_study(no_test).by_run)
    assert (row["test_at_best"], row["last_test"], row["n_test"]) == (None, None, None)
    assert row["best_validation"] == 0.4
    empty = one_row(one_study(replace(log, metrics=log.metrics.clear())).by_run)
    assert all(empty[name] is None for name in MEASURES)


def test_stability_is_over_the_last_epochs_and_of_six_at_least(read: Callable[..., Log]) -> None:
    long = {split: [0.0, 0.1, 0.2, 0.3, 0.38, 0.396, 0.4] for split in CURVE}
    row = one_row(one_study(read({"top1": long})).by_run)
    assert row["stability"] == pytest.approx(pl.Series([0.38, 0.396, 0.4]).std())
    shorter = {split: values[:-1] for split, values in long.items()}
    assert one_row(one_study(read({"top1": shorter})).by_run)["stability"] is None


def test_a_run_that_ended_early_has_no_area_beside_whole_ones(read: Callable[..., Log]) -> None:
    short = {split: values[:2] for split, values in CURVE.items()}
    log = read({}, {"seed": 1, "top1": short, "status": "interrupted"}, config={"epochs": 4})
    areas = dict(one_study(log).by_run.select("run_id", "area").rows())
    assert areas["r0"] is not None
    assert areas["r1"] is None


def test_of_two_runs_with_one_seed_the_longer_counts(read: Callable[..., Log]) -> None:
    short = {split: values[:3] for split, values in CURVE.items()}
    log = read({"config": {"epochs": 4}}, {"top1": short, "config": {"epochs": 4}})
    counted = one_study(log).by_run.filter("counted")
    assert counted["run_id"].to_list() == ["r0"]
