from collections.abc import Callable

import polars as pl
import pytest
from made_up_runs import one_row, scaled
from scipy import stats
from single_study import one_study

from analysis.rendering import table_rows
from analysis.schema import Log
from analysis.statistics import intervals


def test_a_configuration_has_mean_deviation_and_student_interval_over_seeds(
    read: Callable[..., Log],
) -> None:
    log = read(*({"seed": seed, "top1": scaled(f)} for seed, f in enumerate((1, 0.9, 0.7))))
    row = one_row(one_study(log).by_configuration)
    values = [0.4, 0.36, 0.28]
    low, high = stats.t.interval(0.95, 2, loc=pl.Series(values).mean(), scale=stats.sem(values))
    assert (row["runs"], row["seeds"]) == (3, "0 1 2")
    assert row["best_validation"] == pytest.approx(pl.Series(values).mean())
    assert row["best_validation_sd"] == pytest.approx(pl.Series(values).std())
    assert row["best_validation_low"] == pytest.approx(low)
    assert row["best_validation_high"] == pytest.approx(high)


def test_a_single_run_has_wilsons_interval_and_none_for_epochs(read: Callable[..., Log]) -> None:
    row = one_row(
        one_study(read({"n": {"training": 40, "validation": 20, "test": 20}})).by_configuration
    )
    low, high = intervals.wilson(pl.lit(0.4), pl.lit(20))
    expected = pl.select(low, high.alias("high")).row(0)
    assert (row["best_validation_low"], row["best_validation_high"]) == expected
    assert row["best_validation_sd"] is None
    assert row["epochs_to_target_low"] is None


def test_no_interval_of_epochs_goes_below_zero(read: Callable[..., Log]) -> None:
    slow = {split: [0.0, 0.1, 0.1, 0.4] for split in ("training", "validation", "test")}
    fast = {split: [0.4, 0.4, 0.4, 0.4] for split in ("training", "validation", "test")}
    log = read({"top1": slow}, {"top1": fast, "seed": 1})
    row = one_row(one_study(log).by_configuration)
    assert row["epochs_to_target_low"] == 0


def test_the_interval_of_a_gap_below_zero_holds_its_mean(read: Callable[..., Log]) -> None:
    gaps = [
        {"seed": seed, "top1": {"training": [0.1, low], "validation": [0.1, 0.5], "test": [0, 0.5]}}
        for seed, low in enumerate((0.4, 0.45, 0.425))
    ]
    row = one_row(one_study(read(*gaps)).by_configuration)
    assert row["gap_low"] < row["gap"] < row["gap_high"]
    assert row["gap"] < 0


def test_a_target_that_some_runs_do_not_reach_has_no_mean_over_the_others(
    read: Callable[..., Log],
) -> None:
    log = read({"seed": 0}, {"seed": 1, "top1": scaled(0.5)}, {"seed": 0, "relu": True})
    some, every = one_study(log, target=0.38).by_configuration.to_dicts()
    assert (some["epochs_to_target"], some["epochs_to_target_sd"]) == (None, None)
    assert every["epochs_to_target"] == pytest.approx(1)
    assert "–" in table_rows.configuration_rows(one_study(log, target=0.38))[1]


def test_a_configuration_has_the_target_that_its_epochs_are_counted_to(
    read: Callable[..., Log],
) -> None:
    assert one_study(read({}), target=0.38).by_configuration["target"].to_list() == [0.38]


def test_the_runs_of_each_variant_are_one_configuration(read: Callable[..., Log]) -> None:
    table = one_study(read({"seed": 0}, {"seed": 1}, {"seed": 2, "relu": True})).by_configuration
    assert dict(table.select("configuration", "runs").rows()) == {
        "with_layernorm": 2,
        "with_layernorm_relu": 1,
    }


def test_a_run_that_did_not_complete_is_left_out_where_others_did(read: Callable[..., Log]) -> None:
    log = read({"seed": 0}, {"seed": 1, "status": "interrupted"}, {"seed": 2, "status": None})
    row = one_row(one_study(log).by_configuration)
    assert (row["runs"], row["left_out"]) == (1, 2)
    assert table_rows.configuration_rows(one_study(log))[1][1] == "1 (+2 left out)"


def test_a_variant_that_no_run_completed_has_no_figures_beside_one_that_had_all_its_training(
    read: Callable[..., Log],
) -> None:
    log = read({}, {"relu": True, "status": None})
    assert one_study(log).by_configuration["configuration"].to_list() == ["with_layernorm"]


def test_runs_that_did_not_complete_count_where_none_did(read: Callable[..., Log]) -> None:
    log = read({"seed": 0, "status": None}, {"seed": 1, "status": "interrupted"})
    assert one_row(one_study(log).by_configuration)["runs"] == 2
