import numpy as np
import polars as pl
import pytest
from checked_runs import evaluations, logged, notes, only, runs

from analysis.schema import METRICS
from analysis.statistics import curve_checks


def rate(note: str, validation: np.ndarray) -> float:
    """The share of simulated runs, a row each, with the note; their training rises throughout."""
    names = [f"run {number}" for number in range(len(validation))]
    epochs = range(validation.shape[1])
    metrics = pl.DataFrame(
        [
            (name, "eval", epoch, None, split, "top1", value, 1287)
            for name, shares in zip(names, validation, strict=True)
            for split, values in (("training", [e / 1000 for e in epochs]), ("validation", shares))
            for epoch, value in zip(epochs, values, strict=True)
        ],
        schema=METRICS,
        orient="row",
    )
    described = pl.concat([runs(run_id=name) for name in names])
    return curve_checks.check(described, metrics)["note"].to_list().count(note) / len(names)


def noise(points: float, evaluations: int, correlation: float = 0) -> np.ndarray:
    """Noise of 200 runs, with this correlation of neighbouring evaluations."""
    values = np.random.default_rng(evaluations).standard_normal((200, evaluations))
    for place in range(1, evaluations):
        values[:, place] *= (1 - correlation**2) ** 0.5
        values[:, place] += correlation * values[:, place - 1]
    return points / 100 * values


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
        "validation falls by 8.0 points from its level of 40.0 % at epoch 4, where chance explains "
        "6.4, while training goes from 34.3 % to 46.0 %"
    )


@pytest.mark.parametrize("correlation", [0, 0.3])
@pytest.mark.parametrize("evaluations", [4, 8, 30, 200])
def test_a_flat_curve_that_scatters_is_seldom_over_fitting_or_below_its_start(
    evaluations: int, correlation: float
) -> None:
    flat = 0.18 + noise(2, evaluations, correlation)
    assert rate("over-fitting", flat) < 0.1
    assert rate("below start", flat) < 0.1


@pytest.mark.parametrize("climb", [10, 20, 190])
def test_a_fall_of_five_points_in_ten_epochs_is_mostly_found_through_the_scatter(
    climb: int,
) -> None:
    epochs = np.arange(climb + 11)
    curve = 0.3 - 0.15 * np.exp(-5 * epochs / climb) - 0.005 * (epochs - climb).clip(0)
    assert rate("over-fitting", curve + noise(1, len(epochs))) > 0.8


def test_a_fall_within_the_scatter_of_a_long_run_is_no_over_fitting() -> None:
    scattered = [0.3, 0.4, 0.36, 0.44, 0.38, 0.42, 0.36, 0.43, 0.35, 0.41, 0.34, 0.38]
    found = notes(evaluations(validation=scattered, training=sorted(scattered)))
    assert "over-fitting" not in [note["note"] for note in found]


def test_a_short_run_over_fits_where_the_fall_exceeds_the_luck_of_its_points() -> None:
    short = {"training": [0.1, 0.2, 0.3, 0.4], "validation": [0.1, 0.3, 0.25, 0.2]}
    note = only([n for n in notes(evaluations(**short)) if n["note"] == "over-fitting"])
    error = (1.7 * (0.3 * 0.7 + 0.2 * 0.8) / 1000) ** 0.5
    assert (note["epoch"], note["figure"]) == (1, pytest.approx(0.1))
    assert f"where chance explains {330 * error:.1f}," in note["text"]
    for too_few in (500, None):
        found = notes(evaluations(n=too_few, **short))
        assert "over-fitting" not in [note["note"] for note in found]


def test_a_run_that_ends_below_its_start_is_named() -> None:
    falling = [0.4, 0.38, 0.36, 0.32]
    note = only(notes(evaluations(training=falling, validation=falling, test=falling)))
    assert (note["note"], note["epoch"]) == ("below start", 3)
    assert note["figure"] == pytest.approx(0.08)
    assert note["text"] == (
        "validation ends at 32.0 % at epoch 3, 8.0 points below the 40.0 % it had before "
        "training, where chance explains 6.7"
    )
    for too_few in (300, None):
        few = evaluations(n=too_few, training=falling, validation=falling, test=falling)
        assert notes(few) == []
    small_fall = [0.4, 0.39, 0.39, 0.385]
    many = evaluations(n=100_000, training=small_fall, validation=small_fall, test=small_fall)
    assert notes(many) == []


def test_a_run_that_ends_below_its_start_by_less_than_its_scatter_is_not() -> None:
    scattered = [0.4, 0.36, 0.44, 0.38, 0.42, 0.36, 0.43, 0.35, 0.41, 0.35]
    many = evaluations(n=100_000, training=scattered, validation=scattered, test=scattered)
    assert "below start" not in [note["note"] for note in notes(many)]


def test_a_run_that_ends_below_the_untrained_encoder_is_named_once_by_the_deeper_fall() -> None:
    def untrained(split: str, share: float) -> list[tuple[object, ...]]:
        return [("a", "untrained", 0, 0, split, "top1", share, 1000)]

    assert notes(evaluations(), untrained("validation", 0.5)) == []
    assert notes(evaluations(), untrained("test", 0.9)) == []
    before = evaluations(training=[0.1], validation=[0.1], test=[0.1])
    assert notes(before, untrained("validation", 0.5)) == []
    falling = [0.4, 0.38, 0.36, 0.32]
    fallen = evaluations(training=falling, validation=falling, test=falling)
    note = only(notes(fallen, untrained("validation", 0.5)))
    assert note["text"].startswith(
        "validation ends at 32.0 % at epoch 3, 18.0 points below the 50.0 % of the untrained"
    )


def test_the_untrained_encoder_is_compared_with_the_end_without_hubness() -> None:
    def of_validation(event: str, epoch: int, metric: str, share: float) -> tuple[object, ...]:
        return ("a", event, epoch, 0, "validation", metric, share, 1000)

    rising = evaluations(training=[0.4, 0.5], validation=[0.4, 0.5], test=[0.4, 0.5])
    untrained = of_validation("untrained", 0, "top1", 0.45)
    assert notes(rising, [untrained]) == []
    note = only(notes(rising, [untrained, of_validation("eval", 1, "head_top1", 0.35)]))
    assert note["text"].startswith(
        "validation ends at 35.0 % at epoch 1, 10.0 points below the 45.0 % of the untrained"
    )
    assert notes(rising, [untrained, of_validation("eval", 1, "head_top1", 0.46)]) == []


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


def test_collapse_is_validation_that_ends_below_half_its_best() -> None:
    falling = [0.1, 0.2, 0.3, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.1]
    found = notes(evaluations(validation=falling, training=falling))
    note = only([n for n in found if n["note"] == "collapse"])
    assert note["text"] == "validation ends at 10.0 % at epoch 9, its best was 40.0 %"


def test_notes_come_in_the_order_of_the_runs() -> None:
    both = pl.concat([runs(run_id="z"), runs(run_id="a")])
    found = curve_checks.check(both, pl.DataFrame(schema=METRICS))
    assert found["run_id"].unique(maintain_order=True).to_list() == ["z", "a"]
