from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from analysis.rendering.effect_text import comparison_lines
from analysis.schema import Log
from analysis.statistics.comparisons import comparisons
from analysis.statistics.results import of_studies

RIGHT, WRONG = None, "law/tax/con/09/point"
LAW, SPORT = "law/tax/pro/01", "sport/running/pro/01"

INTERRUPTED = {"status": "interrupted"}  # a log that does not say how many points were hit
RISING = {"config": {"negatives": "rising", "hard_ratio_start": 0.0, "hard_ratio_step": 0.1}}
CONSTANT = {"config": {"negatives": "constant", "hard_ratio_start": 0.5, "hard_ratio_step": 0.0}}


@pytest.fixture
def answer(tmp_path: Path, predicted: Callable[..., pl.DataFrame]) -> Callable[..., None]:
    """`answer(law, sport, …)`: whether each run answers the two points, as files of predictions."""

    def build(*runs: tuple[bool, bool]) -> None:
        for number, right in enumerate(runs):
            given = {LAW: RIGHT if right[0] else WRONG, SPORT: RIGHT if right[1] else WRONG}
            predicted(given).write_parquet(tmp_path / f"r{number}.predictions.parquet")

    return build


def test_studies_that_differ_in_one_setting_are_compared_in_it(
    read: Callable[..., Log], answer: Callable[..., None]
) -> None:
    answer((True, True), (True, False))
    (effect,) = comparisons(of_studies(read(INTERRUPTED | RISING, INTERRUPTED | CONSTANT)))
    name = "negatives: constant − rising (sample corpus · constant − sample corpus)"
    assert (effect.name, effect.estimate) == (name, -0.5)
    assert comparison_lines([effect]) == [f"{name}, on test: −50.0 percentage points, described"]


def test_pairs_that_differ_in_the_same_setting_are_told_apart(
    read: Callable[..., Log], answer: Callable[..., None]
) -> None:
    answer(*[(True, True)] * 4)
    runs = [INTERRUPTED | {"config": {"lr": lr, "epochs": n}} for lr in (0.5, 0.25) for n in (1, 2)]
    names = [effect.name for effect in comparisons(of_studies(read(*runs)))]
    assert len(set(names)) == len(names) == 4


def test_the_comparison_is_over_the_variants_that_both_have(
    read: Callable[..., Log], answer: Callable[..., None]
) -> None:
    answer((True, True), (False, False), (True, False), (True, True))
    runs = [RISING, RISING | {"relu": True}, CONSTANT, CONSTANT | {"layernorm": False}]
    (effect,) = comparisons(of_studies(read(*(INTERRUPTED | run for run in runs))))
    assert effect.estimate == -0.5  # with_layernorm alone


@pytest.mark.parametrize(
    "other",
    [
        {"config": CONSTANT["config"] | {"lr": 1.0}},  # two settings
        {"config": RISING["config"] | {"data_dir": "elsewhere"}},  # another corpus
        {"config": RISING["config"] | {"leaked_pairs": "keep"}},  # trained on what it answers
        RISING | {"schema": 1},  # another format
        RISING | {"relu": True},  # the same study
        CONSTANT | {"relu": True},  # no variant in common
        CONSTANT | {"seed": 1},  # no seed in common
    ],
)
def test_what_cannot_be_compared_is_not(
    read: Callable[..., Log], answer: Callable[..., None], other: dict[str, object]
) -> None:
    answer((True, True), (True, False))
    assert comparisons(of_studies(read(INTERRUPTED | RISING, INTERRUPTED | other))) == []


@pytest.mark.parametrize("pairs", [[LAW], [LAW, "law/fines/pro/01"]])
def test_studies_whose_runs_answered_other_points_are_not_compared(
    read: Callable[..., Log],
    answer: Callable[..., None],
    predicted: Callable[..., pl.DataFrame],
    tmp_path: Path,
    pairs: list[str],
) -> None:
    answer((True, True))
    predicted(dict.fromkeys(pairs, WRONG)).write_parquet(tmp_path / "r1.predictions.parquet")
    assert comparisons(of_studies(read(INTERRUPTED | RISING, INTERRUPTED | CONSTANT))) == []


def test_without_predictions_nothing_is_compared(read: Callable[..., Log]) -> None:
    assert comparisons(of_studies(read(RISING, CONSTANT))) == []
