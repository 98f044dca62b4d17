from typing import Any

import polars as pl
import pytest

from analysis import health
from analysis.schema import METRICS, RUNS

RISING = [0.1, 0.2, 0.3, 0.35, 0.38, 0.40, 0.42, 0.44, 0.46, 0.48]


def runs(**values: Any) -> pl.DataFrame:
    usual = {"run_id": "a", "format": "jsonl", "status": "completed", "config": '{"epochs": 10}'}
    return pl.DataFrame([{**usual, **values}], schema=RUNS)


def evaluations(n: int | None = 1000, **curves: list[float | None]) -> list[tuple[Any, ...]]:
    """METRICS rows of top-1: split → its value after 0, 1, … epochs; None: not evaluated."""
    splits = {"training": RISING, "validation": RISING, "test": RISING, **curves}
    return [
        ("a", "eval", epoch, None, split, "top1", value, n)
        for split, values in splits.items()
        for epoch, value in enumerate(values)
        if value is not None
    ]


def logged(event: str, metric: str, *values: float | None) -> list[tuple[Any, ...]]:
    """METRICS rows of one value an epoch."""
    return [
        ("a", event, epoch, epoch, None, metric, value, None) for epoch, value in enumerate(values)
    ]


def notes(*rows: list[tuple[Any, ...]], **run: Any) -> list[dict[str, Any]]:
    metrics = pl.DataFrame([row for group in rows for row in group], schema=METRICS, orient="row")
    return health.notes(runs(**run), metrics).to_dicts()


def only(found: list[dict[str, Any]]) -> dict[str, Any]:
    assert len(found) == 1, found
    return found[0]


def test_a_run_that_rises_and_ends_has_nothing_to_note() -> None:
    ratios = logged("mine", "hard_ratio", 0.8, 0.7, 0.6)
    losses = logged("step", "loss", 2.0, 1.0, 0.5)
    assert notes(evaluations(), ratios, losses, hard_ratio_step=-0.1) == []


def test_over_fitting_is_validation_that_falls_while_training_rises() -> None:
    validation = [0.1, 0.3, 0.4, 0.4, 0.4, 0.38, 0.36, 0.34, 0.32, 0.30]
    note = only(notes(evaluations(validation=validation)))
    assert (note["note"], note["epoch"]) == ("over-fitting", 4)
    assert note["figure"] == pytest.approx(0.4 - 0.32)
    assert note["text"] == (
        "validation falls by 8.0 points from its level of 40.0 % at epoch 4, while training goes "
        "from 34.3 % to 46.0 %"
    )


def test_validation_that_falls_with_training_is_no_over_fitting() -> None:
    falling = [0.1, 0.3, 0.4, 0.4, 0.4, 0.38, 0.36, 0.34, 0.32, 0.30]
    found = notes(evaluations(validation=falling, training=falling))
    assert "over-fitting" not in [note["note"] for note in found]


def test_on_a_small_split_a_fall_of_less_than_two_points_of_it_is_no_over_fitting() -> None:
    validation = [0.1, 0.3, 0.4, 0.4, 0.4, 0.39, 0.38, 0.37, 0.37, 0.37]
    assert [n["note"] for n in notes(evaluations(validation=validation))] == ["over-fitting"]
    found = notes(evaluations(n=50, validation=validation))
    assert "over-fitting" not in [note["note"] for note in found]


def test_oscillation_is_a_second_half_that_scatters() -> None:
    validation = [0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.4, 0.5, 0.38, 0.5]
    note = only(
        [n for n in notes(evaluations(validation=validation)) if n["note"] == "oscillation"]
    )
    assert note["epoch"] == 8  # the widest step, or the first of two as wide
    assert note["figure"] == pytest.approx(pl.Series([-0.1, 0.1, -0.12, 0.12]).std() / 2**0.5)
    assert "the widest step is -12.0 points at epoch 8" in note["text"]


def test_a_steady_climb_is_no_oscillation() -> None:
    assert notes(evaluations(validation=[0.05 * epoch for epoch in range(10)])) == []


def test_a_plateau_gains_nothing_for_half_of_the_run() -> None:
    note = only(notes(evaluations(validation=[0.2, 0.3, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4])))
    assert (note["note"], note["epoch"]) == ("plateau", 4)
    assert note["text"] == (
        "validation stands at a level of 40.0 % from epoch 4 and gains 0.0 points up to epoch 9"
    )


def test_a_short_run_has_no_plateau() -> None:
    flat = [0.4, 0.4, 0.4, 0.4]
    assert notes(evaluations(training=flat, validation=flat, test=flat)) == []


def test_divergence_is_a_loss_that_grows_beyond_the_first_epochs() -> None:
    note = only(notes(evaluations(), logged("step", "loss", 2.0, 1.0, 3.2, 9.0)))
    assert (note["note"], note["epoch"], note["figure"]) == ("divergence", 2, 3.2)
    assert note["text"] == "the mean loss of epoch 2 is 3.2, in the first epoch it was 2.0"


def test_collapse_is_validation_that_ends_below_half_its_best() -> None:
    falling = [0.1, 0.2, 0.3, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.1]
    found = notes(evaluations(validation=falling, training=falling))
    note = only([n for n in found if n["note"] == "collapse"])
    assert note["text"] == "validation ends at 10.0 % at epoch 9, its best was 40.0 %"


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_counted_with_its_first_epoch(value: float | None) -> None:
    note = only(notes(evaluations(), logged("step", "triplet_loss", 1.0, value, 1.0, value)))
    assert (note["note"], note["epoch"], note["figure"]) == ("not finite", 1, 2)
    assert note["text"] == "triplet_loss is NaN or infinite 2 times, first in epoch 1"


def test_a_schedule_that_stands_though_it_has_a_step_is_noted() -> None:
    note = only(notes(evaluations(), logged("mine", "hard_ratio", 0.8, 0.8), hard_ratio_step=-0.1))
    assert (note["note"], note["epoch"], note["figure"]) == ("schedule stands", 1, 0.8)
    assert "though its step is -0.1" in note["text"]


@pytest.mark.parametrize("step", [0.0, None])
def test_a_schedule_that_is_constant_by_config_is_not(step: float | None) -> None:
    assert notes(evaluations(), logged("mine", "hard_ratio", 0.8, 0.8), hard_ratio_step=step) == []


def test_a_split_that_an_evaluation_lacks_is_noted_with_its_epoch() -> None:
    note = only(notes(evaluations(test=[*RISING[:8], None, None])))
    assert (note["note"], note["epoch"], note["figure"]) == ("missing split", 8, 2)
    assert note["text"] == "test is missing from 2 of 10 evaluations, first at epoch 8"


def test_a_split_that_was_never_evaluated_is_said_to_be() -> None:
    assert only(notes(evaluations(test=[])))["text"] == "test was never evaluated"
    assert [n["text"] for n in notes([])] == [
        f"{split} was never evaluated" for split in ("training", "validation", "test")
    ]


@pytest.mark.parametrize("name", ["jsonl", "jsonl schema 1"])
def test_a_run_log_without_end_says_how_far_it_came(name: str) -> None:
    note = only(notes(evaluations(), format=name, status=None, config='{"epochs": 20}'))
    assert (note["note"], note["epoch"]) == ("did not end", 9)
    assert note["text"] == "the log stops without a run_end after epoch 9 of 20"


def test_a_run_that_was_interrupted_says_why() -> None:
    note = only(notes(evaluations(), status="interrupted", reason="stopped by the user"))
    assert note["text"] == "interrupted after epoch 9 of 10: stopped by the user"


def test_a_legacy_log_that_stops_within_an_epoch_is_noted_and_one_that_does_not_is_not() -> None:
    legacy = {"format": "legacy", "status": None, "config": None}
    assert notes(evaluations(), logged("step", "loss", *[1.0] * 9), **legacy) == []
    note = only(notes(evaluations(), logged("step", "loss", *[1.0] * 10), **legacy))
    assert note["text"] == "the log stops within epoch 9, before its evaluation"


def test_notes_come_in_the_order_of_the_runs_and_are_cut_short_in_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = pl.concat([runs(run_id="z"), runs(run_id="a\x1b")])
    found = health.notes(both, pl.DataFrame(schema=METRICS))
    assert found["run_id"].unique(maintain_order=True).to_list() == ["z", "a\x1b"]
    monkeypatch.setattr("analysis.summary.MOST_SHOWN", 4)
    text = health.text(found)
    assert "a�: missing split: training was never evaluated" in text
    assert "… and 2 more notes" in text
    assert health.text(found.clear()) == "Health: nothing to note.\n"
