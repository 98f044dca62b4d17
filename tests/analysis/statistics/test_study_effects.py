"""`analysis.statistics.study_effects`: what LayerNorm and ReLU do, from runs and predictions."""

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest
from single_study import one_study

from analysis.schema import Log
from analysis.statistics.effects import holm
from analysis.statistics.factorial import (
    CELLS,
    CONTRASTS,
    SIMPLE,
    design_effects,
    simple_effects,
)
from analysis.statistics.study_effects import EFFECTS, is_shown, labels

NEITHER, RELU, LAYERNORM, BOTH = CELLS
POINTS = 24
DEBATES = np.arange(POINTS) // 2

Cells = dict[tuple[bool, bool], dict[int, list[int]]]


def drawn(*seeds: int) -> Cells:
    """Hits of four cells whose runs answer more with LayerNorm, always by the same chance."""
    draw = random.Random(0)
    return {
        cell: {
            seed: [int(draw.random() < 0.3 + 0.4 * cell[0]) for _ in range(POINTS)]
            for seed in seeds
        }
        for cell in CELLS
    }


def found(log: Log, measure: str = "test") -> dict[str, dict[str, Any]]:
    """The effects on a measure by their name."""
    table = one_study(log).effects
    assert dict(table.schema) == EFFECTS
    return {row["effect"]: row for row in table.filter(measure=measure).to_dicts()}


def test_four_cells_give_two_effects_and_an_interaction_with_holms_p_on_test(
    experiment: Callable[..., Log],
) -> None:
    cells = drawn(0, 1, 2)
    ours = found(experiment(cells))
    expected = design_effects(cells, DEBATES)
    assert list(ours) == list(CONTRASTS)
    for effect, p_holm in zip(expected, holm([effect.p for effect in expected]), strict=True):
        row = ours[effect.name]
        assert row["p_holm"] == pytest.approx(p_holm)
        for name in ("estimate", "low", "high", "p", "excluded_beyond", "least_effect", "seeds"):
            assert row[name] == pytest.approx(getattr(effect, name)), name
        assert (row["queries"], row["clusters"]) == (POINTS, POINTS // 2)


def test_an_effect_is_shown_below_five_percent_after_holm() -> None:
    assert [is_shown({"p_holm": p}) for p in (0.049, 0.05, None)] == [True, False, False]


def test_where_an_interaction_is_shown_each_factor_is_described_at_each_level_of_the_other(
    experiment: Callable[..., Log],
) -> None:
    draw = random.Random(1)
    cells = {
        cell: {
            seed: [int(draw.random() < 0.2 + 0.6 * all(cell)) for _ in range(POINTS)]
            for seed in range(4)
        }
        for cell in CELLS
    }
    a_seed_more = {cell: cells[cell] | {4: [int(cell == BOTH)] * POINTS} for cell in (RELU, BOTH)}
    log = experiment(cells | a_seed_more)
    ours = found(log)
    assert is_shown(ours["interaction"])
    assert list(ours) == list(found(log, "area")) == [*CONTRASTS, *SIMPLE]
    for effect in simple_effects(cells, DEBATES):
        row = ours[effect.name]
        told = (row["estimate"], row["low"], row["high"], row["seeds"])
        assert told == pytest.approx((effect.estimate, effect.low, effect.high, 4))
        assert row["p_holm"] is None
    off, on = (ours[f"LayerNorm (ReLU {level})"]["estimate"] for level in ("off", "on"))
    assert ours["interaction"]["estimate"] == pytest.approx(on - off)


def test_where_no_interaction_is_shown_there_are_no_simple_effects_beside_it(
    experiment: Callable[..., Log],
) -> None:
    ours = found(experiment(drawn(0, 1, 2)))
    assert not is_shown(ours["interaction"])
    assert list(ours) == list(CONTRASTS)


def test_only_the_effects_on_test_are_corrected(experiment: Callable[..., Log]) -> None:
    on_validation = found(experiment(drawn(0, 1, 2), split="validation"), "validation")
    assert all(row["p"] is not None for row in on_validation.values())
    assert {row["p_holm"] for row in on_validation.values()} == {None}


def test_each_split_has_the_effects_of_its_own_answers(experiment: Callable[..., Log]) -> None:
    log = experiment(drawn(0, 1, 2))
    wrong = log.predictions.with_columns(split=pl.lit("validation"), hit=pl.lit(False))
    both = replace(log, predictions=pl.concat([wrong, log.predictions]))
    assert found(both) == found(log)
    assert {row["estimate"] for row in found(both, "validation").values()} == {0}


def test_where_hubness_changes_answers_test_has_effects_by_the_pair_head_alone_too(
    experiment: Callable[..., Log],
) -> None:
    cells = drawn(0, 1, 2)
    other = {cell: cells[not cell[0], not cell[1]] for cell in CELLS}
    log, by_head = experiment(cells), experiment(other)
    told = log.predictions.with_columns(head_hit=by_head.predictions["hit"])
    both = replace(log, predictions=told)
    assert found(both) == found(log)
    ours = found(both, "test_without_hubness")
    with_hubness = found(log)["LayerNorm"]["estimate"]
    assert ours["LayerNorm"]["estimate"] == pytest.approx(-with_hubness) != 0
    assert all(row["p"] is not None for row in ours.values())
    assert {row["p_holm"] for row in ours.values()} == {None}


def test_where_hubness_changes_no_answer_or_no_file_tells_test_has_one_measure(
    experiment: Callable[..., Log],
) -> None:
    log = experiment(drawn(0, 1, 2))
    for head_hit in (pl.col("hit"), pl.lit(None, pl.Boolean)):
        told = log.predictions.with_columns(head_hit=head_hit)
        assert found(replace(log, predictions=told), "test_without_hubness") == {}


def test_without_hubness_runs_whose_file_does_not_tell_are_left_out(
    experiment: Callable[..., Log],
) -> None:
    cells = drawn(0, 1, 2, 3)
    log = experiment(cells)
    of_seed_0 = pl.col("run_id").is_in(["r0", "r4", "r8", "r12"])
    told = log.predictions.with_columns(head_hit=pl.when(~of_seed_0).then(~pl.col("hit")))
    ours = found(replace(log, predictions=told), "test_without_hubness")
    rest = {cell: {seed: of_seed[seed] for seed in (1, 2, 3)} for cell, of_seed in cells.items()}
    for effect in design_effects(rest, DEBATES):
        assert ours[effect.name]["estimate"] == pytest.approx(-effect.estimate)
        assert ours[effect.name]["seeds"] == 3


def test_the_area_is_a_number_a_run(experiment: Callable[..., Log]) -> None:
    flat = {split: [0.25, 0.25] for split in ("training", "validation", "test")}
    log = experiment({cell: {0: None, 1: None} for cell in CELLS}, top1=flat)
    higher = pl.col("value") + 0.1 * pl.col("run_id").is_in(["r4", "r5", "r6", "r7"])
    ours = found(replace(log, metrics=log.metrics.with_columns(value=higher)), "area")
    assert ours["LayerNorm"]["estimate"] == pytest.approx(0.1)
    assert ours["ReLU"]["estimate"] == pytest.approx(0)
    assert {(row["queries"], row["clusters"], row["seeds"]) for row in ours.values()} == {
        (None, None, 2)
    }


def test_where_hubness_changes_the_curve_the_area_has_effects_by_the_pair_head_alone_too(
    experiment: Callable[..., Log],
) -> None:
    log = experiment({cell: {0: None, 1: None} for cell in CELLS})
    assert found(log, "area_without_hubness") == {}
    by_head = pl.col("metric") == "head_top1"
    with_layernorm = pl.col("run_id").is_in(["r4", "r5", "r6", "r7"])
    lower = pl.col("value") - 0.1 * (by_head & with_layernorm)
    changed = replace(log, metrics=log.metrics.with_columns(value=lower))
    assert found(changed, "area") == found(log, "area")
    assert found(changed, "area_without_hubness")["LayerNorm"]["estimate"] == pytest.approx(-0.1)


def test_without_predictions_the_area_alone_has_effects(experiment: Callable[..., Log]) -> None:
    log = experiment({cell: {0: None, 1: None} for cell in CELLS})
    assert set(one_study(log).effects["measure"]) == {"area"}


def test_three_cells_give_simple_effects(experiment: Callable[..., Log]) -> None:
    cells = drawn(0, 1, 2)
    del cells[LAYERNORM]
    ours = found(experiment(cells))
    assert list(ours) == ["LayerNorm (ReLU on)", "ReLU (LayerNorm off)"]
    assert all(row["p_holm"] >= row["p"] for row in ours.values())


def test_effects_are_over_the_seeds_that_all_cells_have(experiment: Callable[..., Log]) -> None:
    cells = drawn(0, 1, 2, 3)
    fewer = cells | {RELU: {seed: cells[RELU][seed] for seed in (3, 2, 0)}}
    ours = found(experiment(fewer))
    assert {row["seeds"] for row in ours.values()} == {3}
    shared = {cell: {seed: runs[seed] for seed in (0, 2, 3)} for cell, runs in cells.items()}
    expected = [effect.p for effect in design_effects(shared, DEBATES)]
    assert [row["p"] for row in ours.values()] == pytest.approx(expected)


def test_one_seed_is_described_and_not_tested(experiment: Callable[..., Log]) -> None:
    cells = drawn(5)
    ours = found(experiment(cells))
    means = {cell: np.mean(runs[5]) for cell, runs in cells.items()}
    layernorm = (means[LAYERNORM] + means[BOTH] - means[NEITHER] - means[RELU]) / 2
    assert ours["LayerNorm"]["estimate"] == pytest.approx(layernorm)
    for row in ours.values():
        assert {row[name] for name in ("low", "high", "p", "p_holm", "least_effect")} == {None}


def test_runs_that_do_not_count_have_no_say(experiment: Callable[..., Log]) -> None:
    cells = drawn(0, 1, 2)
    log = experiment(cells)
    extra = experiment({**cells, BOTH: cells[BOTH] | {3: [0] * POINTS}})
    last = pl.col("seed") == 3
    again = extra.runs.with_columns(
        status=pl.when(last).then(pl.lit("failed")).otherwise("status"),
        seed=pl.when(last).then(0).otherwise("seed"),
    )
    assert found(replace(extra, runs=again)) == found(log)


def test_a_run_of_unknown_seed_or_switch_has_no_say(experiment: Callable[..., Log]) -> None:
    log = experiment(drawn(0, 1, 2))
    unknown = log.runs.with_columns(relu=pl.lit(None, pl.Boolean))
    assert one_study(replace(log, runs=unknown)).effects.is_empty()


def test_runs_that_answered_other_points_have_no_effects_on_that_split(
    experiment: Callable[..., Log],
) -> None:
    log = experiment(drawn(0, 1, 2))
    other = pl.when(pl.col("run_id") == "r0").then(pl.col("pair_id") + "1").otherwise("pair_id")
    log = replace(log, predictions=log.predictions.with_columns(pair_id=other))
    assert found(log) == {}
    assert found(log, "area") != {}
    fewer = log.predictions.filter((pl.col("run_id") != "r0") | (pl.int_range(pl.len()) > 0))
    assert found(replace(log, predictions=fewer)) == {}


def test_the_order_of_points_in_a_file_is_of_no_account(experiment: Callable[..., Log]) -> None:
    log = experiment(drawn(0, 1, 2))
    mixed = replace(log, predictions=log.predictions.sample(fraction=1, shuffle=True, seed=1))
    assert found(mixed) == found(log)


def test_points_are_clustered_as_the_file_says_else_by_the_title_of_their_debate(
    experiment: Callable[..., Log],
) -> None:
    cells = drawn(0, 1, 2)
    of_file = [point % 3 for point in range(POINTS)]
    told = found(experiment(cells, clusters=of_file))
    expected = design_effects(cells, np.array(of_file))
    assert [row["p"] for row in told.values()] == [effect.p for effect in expected]
    assert {row["clusters"] for row in told.values()} == {3}
    assert {row["clusters"] for row in found(experiment(cells)).values()} == {POINTS // 2}


def test_one_title_in_two_domains_is_one_cluster(answers: Callable[..., pl.DataFrame]) -> None:
    points = answers("a", dict.fromkeys(["law/tax/pro/1", "sport/tax/con/2", "law/fines/pro/1"]))
    first, second, third = labels(points)
    assert first == second != third


def test_clusters_that_are_told_of_some_points_alone_are_not_used(
    answers: Callable[..., pl.DataFrame],
) -> None:
    points = answers("a", dict.fromkeys(["law/tax/pro/1", "law/tax/pro/2"]), clusters=[0, 1])
    assert len(set(labels(points))) == 2
    assert len(set(labels(points.with_columns(cluster=pl.Series([0, None]))))) == 1


@pytest.mark.parametrize("status", ["completed", None])
def test_runs_of_less_training_than_others_have_no_part_in_effects(
    read_runs: Callable[..., Log], status: str | None
) -> None:
    whole, half = ({split: [0.1] * n for split in ("validation", "test")} for n in (5, 3))
    usual = {"status": status, "config": {"epochs": 4}}
    runs = [{"layernorm": layernorm, "relu": relu} | usual for layernorm, relu in CELLS[:3]]
    log = read_runs(*runs, usual | {"relu": True, "top1": half, "status": None}, top1=whole)
    assert list(found(log, "area")) == ["LayerNorm (ReLU off)", "ReLU (LayerNorm off)"]
