import json
from typing import Any

import polars as pl
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from analysis.schema import PREDICTIONS, RUNS
from analysis.statistics import configurations, intervals, significance

BY_RUN = {
    "configuration": pl.String,
    "format": pl.String,
    "run_id": pl.String,
    "seed": pl.Int64,
    "counted": pl.Boolean,
    "best_validation": pl.Float64,
    "test_at_best": pl.Float64,
    "epochs_to_95": pl.Int32,
    "n_validation": pl.Int64,
    "n_test": pl.Int64,
}


def compared(*given: dict[str, Any], outcomes: pl.DataFrame | None = None) -> pl.DataFrame:
    """Verdicts on runs given as variant, seed, figures; what is not given is as below."""
    usual = {
        "format": "jsonl",
        "seed": None,
        "counted": True,
        "best_validation": 0.4,
        "test_at_best": 0.4,
        "epochs_to_95": 5,
        "n_validation": 1000,
        "n_test": 1000,
    }
    rows = [{"run_id": f"r{i}", **usual, **run} for i, run in enumerate(given)]
    runs = pl.DataFrame(
        [{**row, "config": json.dumps(row["config"]) if "config" in row else None} for row in rows],
        schema=RUNS,
    )
    by_run = pl.DataFrame(rows, schema={k: v for k, v in BY_RUN.items() if k != "configuration"})
    by_run = by_run.with_columns(configurations.label(runs)["configuration"])
    none = pl.DataFrame(schema=PREDICTIONS)
    return significance.verdicts(runs, by_run, none if outcomes is None else outcomes)


def seeds(variant: str, values: list[float], measure: str = "test_at_best") -> list[dict[str, Any]]:
    return [{"variant": variant, "seed": i, measure: v} for i, v in enumerate(values)]


def row(table: pl.DataFrame, aspect: str = "test") -> dict[str, Any]:
    found = table.filter(pl.col("aspect") == aspect)
    assert found.height == 1
    return found.row(0, named=True)


def answers(run_id: str, hits: str) -> pl.DataFrame:
    """Per-query outcomes on test: one letter a query, '1' a hit."""
    return pl.DataFrame(
        {
            "run_id": [run_id] * len(hits),
            "split": ["test"] * len(hits),
            "pair_id": range(len(hits)),
            "hit": [hit == "1" for hit in hits],
        }
    )


A, B = {"variant": "with_relu"}, {"variant": "with_layernorm"}


def test_outcomes_of_one_seed_are_compared_by_mcnemars_exact_test() -> None:
    outcomes = pl.concat(
        [answers("r0", "1" * 12 + "0" * 8), answers("r1", "1" * 2 + "0" * 17 + "1")]
    )
    found = row(compared({**A, "seed": 0}, {**B, "seed": 0}, outcomes=outcomes))
    assert found["method"] == "query"
    assert found["seeds"] == 1
    assert found["p"] == pytest.approx(stats.binomtest(10, 11).pvalue)
    assert (found["first"], found["first_value"]) == ("with_layernorm", pytest.approx(3 / 20))
    assert found["sentence"].startswith(
        "On test, with_relu ends higher than with_layernorm: 60.0 % against 15.0 % "
        "(McNemar's exact test by query, 1 shared seed; p = 0.0"
    )


def test_of_several_seeds_the_least_sure_decides() -> None:
    runs = [{**A, "seed": 0}, {**B, "seed": 0}, {**A, "seed": 1}, {**B, "seed": 1}]
    sure = [answers("r0", "1" * 20), answers("r1", "0" * 20)]
    unsure = [answers("r2", "1" * 3 + "0" * 17), answers("r3", "0" * 19 + "1")]
    found = row(compared(*runs, outcomes=pl.concat(sure + unsure)))
    assert found["p"] == pytest.approx(stats.binomtest(3, 4).pvalue)


def test_seeds_that_disagree_show_no_difference_however_sure_each_is() -> None:
    runs = [{**A, "seed": 0}, {**B, "seed": 0}, {**A, "seed": 1}, {**B, "seed": 1}]
    won = [answers("r0", "1" * 20), answers("r1", "0" * 20)]
    lost = [answers("r2", "0" * 20), answers("r3", "1" * 20)]
    found = row(compared(*runs, outcomes=pl.concat(won + lost)))
    assert found["p"] == 1
    assert "no difference shown" in found["sentence"]


def test_queries_are_paired_by_their_id_and_not_by_their_order() -> None:
    outcomes = pl.concat([answers("r0", "1100"), answers("r1", "1100").reverse()])
    assert row(compared({**A, "seed": 0}, {**B, "seed": 0}, outcomes=outcomes))["p"] == 1


def test_outcomes_of_runs_without_a_shared_seed_are_passed_over() -> None:
    outcomes = pl.concat([answers("r0", "11"), answers("r1", "00")])
    found = row(compared({**A, "seed": 0}, {**B, "seed": 1}, outcomes=outcomes))
    assert found["method"] == "intervals"


def test_a_split_without_outcomes_is_compared_by_what_the_logs_hold() -> None:
    outcomes = pl.concat([answers("r0", "1" * 20), answers("r1", "0" * 20)])
    table = compared({**A, "seed": 0}, {**B, "seed": 0}, outcomes=outcomes)
    assert row(table, "test")["method"] == "query"
    assert row(table, "validation")["method"] == "intervals"
    assert row(table, "speed")["method"] is None


def test_shared_seeds_are_paired_and_p_is_at_least_that_of_the_paired_t_test() -> None:
    ours, theirs = [0.40, 0.42, 0.45, 0.41], [0.38, 0.39, 0.44, 0.40]
    found = row(compared(*seeds("with_relu", ours), *seeds("with_layernorm", theirs)))
    t = stats.ttest_rel(ours, theirs)
    assert (found["method"], found["seeds"]) == ("seeds", 4)
    assert found["p"] == pytest.approx(t.pvalue)  # the bootstrap alone would say 0.0002
    interval = t.confidence_interval(0.95)
    assert found["low"] == pytest.approx(-interval.high)  # first is with_layernorm
    assert found["high"] == pytest.approx(-interval.low)


def test_three_seeds_of_one_sign_alone_show_nothing() -> None:
    found = row(
        compared(*seeds("with_relu", [0.41, 0.45, 0.43]), *seeds("with_layernorm", [0.40] * 3))
    )
    assert found["p_holm"] > 0.05
    assert found["sentence"].startswith(
        "On test, no difference shown between with_relu with 43.0 %"
    )


def test_three_seeds_show_a_difference_that_is_large_against_its_spread() -> None:
    found = row(
        compared(
            *seeds("with_relu", [0.50, 0.505, 0.498]),
            *seeds("with_layernorm", [0.40, 0.402, 0.399]),
        )
    )
    assert found["sentence"].startswith(
        "On test, with_relu ends higher than with_layernorm: 50.1 % against 40.0 % (+9."
    )


def test_seeds_that_agree_to_the_point_have_a_spread_of_one_point_not_of_zero() -> None:
    found = row(compared(*seeds("with_relu", [0.401] * 2), *seeds("with_layernorm", [0.4] * 2)))
    assert found["p"] > 0.2


def test_the_bootstrap_gives_the_same_figures_every_time() -> None:
    runs = [*seeds("with_relu", [0.4, 0.42, 0.41]), *seeds("with_layernorm", [0.41, 0.40, 0.43])]
    assert compared(*runs).equals(compared(*runs))


def test_else_p_is_the_level_at_which_the_wilson_intervals_touch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = row(
        compared(
            {**A, "test_at_best": 0.8, "n_test": 88}, {**B, "test_at_best": 0.65, "n_test": 120}
        )
    )
    assert found["method"] == "intervals"
    monkeypatch.setattr(intervals, "CONFIDENCE", 1 - found["p"])
    table = pl.DataFrame({"share": [0.65, 0.8], "n": [120, 88]})
    low, high = intervals.wilson(pl.col("share"), pl.col("n"))
    ends = table.select(low.alias("low"), high.alias("high"))
    assert ends["high"][0] == pytest.approx(ends["low"][1], abs=1e-9)


def test_equal_shares_have_p_1_even_where_both_are_0() -> None:
    assert row(compared({**A, "test_at_best": 0.0}, {**B, "test_at_best": 0.0}))["p"] == 1


def test_p_is_corrected_as_statsmodels_corrects_it_over_validation_and_test() -> None:
    shares = {"with_relu": 0.40, "with_layernorm": 0.44, "with_layernorm_relu": 0.47}
    table = compared(
        *(
            {"variant": name, "test_at_best": share, "best_validation": share + 0.01}
            for name, share in shares.items()
        )
    ).filter(pl.col("aspect") != "speed")
    expected = multipletests(table["p"].to_numpy(), method="holm")[1]
    assert table["family"].to_list() == [6] * 6
    assert table["p_holm"].to_list() == pytest.approx(list(expected))


def test_speed_is_a_family_of_its_own_and_compares_epochs() -> None:
    fast, slow = [3, 4, 3, 4, 3, 4], [9, 10, 9, 11, 9, 10]
    found = row(
        compared(
            *seeds("with_relu", slow, "epochs_to_95"),
            *seeds("with_layernorm", fast, "epochs_to_95"),
        ),
        "speed",
    )
    assert found["family"] == 1
    assert found["sentence"].startswith(
        "with_layernorm converges faster than with_relu: 95 % of its own best after 3.5 epochs "
        "against 9.7 (-7."
    )


def test_seeds_that_are_equally_fast_show_no_difference_in_speed() -> None:
    runs = [
        *seeds("with_relu", [5, 6], "epochs_to_95"),
        *seeds("with_layernorm", [6, 5], "epochs_to_95"),
    ]
    assert row(compared(*runs), "speed")["sentence"].startswith(
        "On speed, no difference shown: with_layernorm reached 95 % of its own best after 5.5 "
        "epochs, with_relu after 5.5 ("
    )


def test_the_speed_of_single_runs_is_described_and_not_tested() -> None:
    found = row(compared({**A, "epochs_to_95": 72}, {**B, "epochs_to_95": 103}), "speed")
    assert found["p"] is None
    assert found["sentence"] == (
        "with_relu reached 95 % of its own best after 72 epochs, with_layernorm after 103: "
        "without several shared seeds this describes the runs and tests nothing."
    )


def test_shares_of_an_unknown_number_of_points_are_not_tested() -> None:
    found = row(compared({**A, "n_test": None}, {**B, "test_at_best": 0.5}))
    assert found["sentence"] == (
        "On test, no test between with_layernorm with 50.0 % and with_relu with 40.0 %: "
        "the number of points is not known."
    )


def test_a_configuration_without_figure_is_named() -> None:
    assert row(compared({**A, "test_at_best": None}, B))["sentence"] == (
        "On test, with_layernorm and with_relu cannot be compared: no figure for with_relu."
    )


def test_variants_that_differ_in_more_are_said_to() -> None:
    runs = [{**A, "config": {"lr": 1e-4}}, {**B, "config": {"lr": 5e-5}}]
    assert row(compared(*runs))["sentence"].endswith(
        "They also differ in lr: this is not the variant alone."
    )
    same = [{**A, "config": {"lr": 1e-4}}, {**A, "config": {"lr": 5e-5}}]
    assert "also differ" not in row(compared(*same))["sentence"]


def test_each_format_is_compared_with_itself_alone() -> None:
    formats = ("jsonl", "jsonl schema 1", "legacy")
    table = compared(*({**run, "format": f} for f in formats for run in (A, B)))
    assert set(table.select("first", "second").rows()) == {
        ("with_layernorm", "with_relu"),
        ("with_layernorm (schema 1)", "with_relu (schema 1)"),
        ("with_layernorm (legacy)", "with_relu (legacy)"),
    }
    assert table.filter(pl.col("aspect") == "test")["family"].to_list() == [2, 2, 2]


def test_runs_that_do_not_count_are_left_out() -> None:
    assert compared(A, {**B, "counted": False}).is_empty()
    assert significance.text(compared(A), pl.DataFrame(schema=BY_RUN)).startswith(
        significance.NOTHING
    )


def test_of_many_configurations_the_best_are_compared_and_the_rest_counted() -> None:
    runs = [{**A, "config": {"lr": lr}, "best_validation": lr / 100} for lr in range(1, 12)]
    table = compared(*runs)
    named = set(table["first"]) | set(table["second"])
    assert len(named) == significance.MOST_COMPARED
    assert "with_relu, lr=11" in named
    by_run = pl.DataFrame(
        [{"configuration": f"c{i}", "format": "jsonl", "counted": True} for i in range(11)],
        schema=BY_RUN,
    )
    assert any(
        text.startswith("Of 11 configurations (jsonl) the 7")
        for text in significance.remarks(table, by_run)
    )


def test_remarks_say_how_many_resamples_and_what_few_seeds_can_show() -> None:
    table = compared(*seeds("with_relu", [0.4, 0.41]), *seeds("with_layernorm", [0.4, 0.42]))
    text = " ".join(significance.remarks(table, pl.DataFrame(schema=BY_RUN)))
    assert "10,000 resamples (random seed 0)" in text
    assert "With 2 shared seeds only a difference that is large" in text
