from collections.abc import Callable
from dataclasses import replace

import polars as pl
import pytest
from figure_reading import INTERRUPTED, scaled
from single_study import one_study

from analysis.rendering import selection
from analysis.schema import Log
from analysis.statistics import results as results_module


def test_held_out_splits_share_a_range_of_what_is_drawn_and_training_has_its_own(
    read: Callable[..., Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results_module, "MOST_DRAWN", 1)
    of_one = one_study(read({"top1": scaled(0.5)}))
    of_two = one_study(read({"top1": scaled(0.5)}, {"relu": True}))
    ranges = {split: selection.top1_range(of_two, split) for split in ("training", "test")}
    assert ranges["test"] == selection.top1_range(of_two, "validation")
    assert ranges["training"] != ranges["test"]
    assert ranges == {split: selection.top1_range(of_one, split) for split in ranges}


def test_groups_of_too_few_points_and_empty_panels_are_left_out(
    read: Callable[..., Log],
    answered: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answered("law", "sport", "sport")
    log = read(INTERRUPTED, INTERRUPTED | {"relu": True})
    assert selection.answer_panels(one_study(log)) == {}
    monkeypatch.setattr(selection, "FEWEST", 2)
    by_domain = selection.answer_panels(one_study(log))["top-1 by domain"]
    assert set(by_domain["group"]) == {"sport"}
    monkeypatch.setattr(selection, "FEWEST", 1)
    monkeypatch.setattr(selection, "MOST_GROUPS", 1)
    by_domain = selection.answer_panels(one_study(log))["top-1 by domain, the largest 1"]
    assert set(by_domain["group"]) == {"sport"}


def test_a_note_on_the_untrained_encoder_says_where_other_figures_are_with_hubness(
    read: Callable[..., Log],
) -> None:
    log = read({})
    alone = selection.untrained_note(one_study(log), " on test")
    assert alone == " Thin dashes: the untrained encoder's nearest neighbour on test."
    by_head = pl.col("metric") == "head_top1"
    changed = log.metrics.with_columns(value=pl.col("value") - 0.1 * by_head)
    with_hubness = one_study(replace(log, metrics=changed))
    assert selection.untrained_note(with_hubness).endswith("neighbour, without hubness.")
    untrained = log.metrics.filter(pl.col("event") != "untrained")
    assert selection.untrained_note(one_study(replace(log, metrics=untrained))) == ""


def test_the_configurations_of_a_group_share_the_middle_of_its_row() -> None:
    shares = pl.DataFrame(
        [
            {"aspect": aspect, "group": group, "configuration": name, "n": n}
            for aspect, group, n in (("domain", "law", 40), ("leakage", "law", 30))
            for name in ("with_relu", "with_layernorm")
        ]
    )
    groups, placed = selection.in_rows(shares, ["with_relu", "with_layernorm"])
    assert groups.rows() == [(0, "domain", "law", [40, 40]), (1, "leakage", "law", [30, 30])]
    assert placed["height"].to_list() == pytest.approx([-0.175, 0.175, 0.825, 1.175])
    assert placed["aspect"].to_list() == shares["aspect"].to_list()
