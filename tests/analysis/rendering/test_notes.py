"""`analysis.rendering.notes`: what is missing from a study, and what its effects rest on."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from figure_reading import CURVE
from single_study import one_study

from analysis.readers import logs
from analysis.rendering import notes
from analysis.schema import Log

CELLS = ((False, False), (False, True), (True, False), (True, True))


def test_a_whole_study_with_clusters_needs_no_note(experiment: Callable[..., Log]) -> None:
    log = experiment({cell: {0: [1, 0], 1: [0, 1]} for cell in CELLS}, clusters=[0, 1])
    assert notes.of_study(one_study(log)) == []


def test_clusters_that_the_files_do_not_tell_are_noted(experiment: Callable[..., Log]) -> None:
    log = experiment({cell: {0: [1, 0], 1: [0, 1]} for cell in CELLS})
    (note,) = notes.of_study(one_study(log))
    assert "by debate title only" in note


def test_runs_that_do_not_tell_the_answers_without_hubness_are_counted_where_others_do(
    experiment: Callable[..., Log],
) -> None:
    log = experiment({cell: {0: [1, 0], 1: [0, 1]} for cell in CELLS}, clusters=[0, 1])

    def told(answer: pl.Expr) -> Log:
        head_hit = pl.when(pl.col("run_id").is_in(["r0", "r1", "r2"]).not_()).then(answer)
        return replace(log, predictions=log.predictions.with_columns(head_hit=head_hit))

    (note,) = notes.of_study(one_study(told(~pl.col("hit"))))
    assert note.startswith("Left out of the effects without hubness: 3 runs of earlier versions,")
    assert notes.of_study(one_study(told(pl.col("hit")))) == []  # hubness changes no answer


def test_runs_that_answered_different_points_are_noted(experiment: Callable[..., Log]) -> None:
    log = experiment({(True, True): {0: [1, 0]}, (True, False): {0: [1, 0, 1]}})
    results = one_study(log)
    assert results.effects.filter(measure="test").is_empty()
    assert (
        "Runs answered different points of test: no effect is estimated there."
        in notes.of_study(results)
    )


def test_without_effects_nothing_is_said_of_clusters(experiment: Callable[..., Log]) -> None:
    assert notes.of_study(one_study(experiment({(True, True): {0: [1, 0]}}))) == []


@pytest.mark.parametrize(
    ("left_out", "names"), [(1, "r1"), (3, "r1, r2, r3"), (5, "r1, r2, r3 and 2 more")]
)
def test_runs_that_do_not_count_are_named_some_of_them(
    read: Callable[..., Log], left_out: int, names: str
) -> None:
    failed = [{"seed": seed, "status": "failed"} for seed in range(1, left_out + 1)]
    (note,) = notes.of_study(one_study(read({}, *failed)))
    assert note == f"Not counted: {names}: unfinished, or another run has the same seed."


def test_a_missing_cell_is_named(read: Callable[..., Log]) -> None:
    runs = [{"layernorm": layernorm, "relu": relu} for layernorm, relu in CELLS[:3]]
    (note,) = notes.of_study(one_study(read(*runs)))
    assert note.startswith("No completed run of with_layernorm_relu: ")


def test_where_no_two_cells_differ_in_one_factor_no_effect_is_promised(
    read: Callable[..., Log],
) -> None:
    runs = [{"layernorm": True, "relu": True}, {"layernorm": False, "relu": False}]
    (note,) = notes.of_study(one_study(read(*runs)))
    assert note.endswith(": no effect can be given.")


def test_a_run_that_had_less_training_than_others_is_named(read: Callable[..., Log]) -> None:
    usual = {"status": None, "config": {"epochs": 4}}
    runs = [usual | {"layernorm": layernorm, "relu": relu} for layernorm, relu in CELLS]
    half = {"top1": {split: values[:3] for split, values in CURVE.items()}}
    (note,) = notes.of_study(one_study(read(*runs[:3], runs[3] | half)))
    assert note == (
        "Trained for fewer epochs than others: r3: figures at the end do not compare. "
        "They are not in the effects."
    )


def test_less_training_is_named_where_there_are_no_effects_too(
    tmp_path: Path, legacy_text: Callable[..., str]
) -> None:
    for name, epochs in (("with_relu", 3), ("with_layernorm", 2)):
        top1 = dict.fromkeys(("training", "validation", "test"), [0.25, 0.5, 0.5][:epochs])
        (tmp_path / f"{name}.txt").write_text(legacy_text(top1=top1), "utf-8")
    (note,) = notes.of_study(one_study(logs.read([tmp_path])))
    assert note.startswith("Trained for fewer epochs than others: with_layernorm: ")
    assert note.endswith("do not compare.")


def test_a_cell_whose_run_is_unfinished_is_missing(read: Callable[..., Log]) -> None:
    runs = [{"layernorm": layernorm, "relu": relu} for layernorm, relu in CELLS]
    not_counted, missing = notes.of_study(one_study(read(*runs[:3], runs[3] | {"status": None})))
    assert not_counted.startswith("Not counted: r3: ")
    assert missing.startswith("No completed run of with_layernorm_relu: ")


def test_a_study_of_one_variant_has_no_cell_missing(read: Callable[..., Log]) -> None:
    assert notes.of_study(one_study(read({}))) == []


def test_unequal_seeds_are_told_where_the_numbers_of_runs_are_equal_too(
    read: Callable[..., Log],
) -> None:
    seeds = (0, 1, 1, 1)
    runs = [{"layernorm": ln, "relu": relu} for ln, relu in CELLS]
    (note,) = notes.of_study(
        one_study(read(*({**run, "seed": s} for run, s in zip(runs, seeds, strict=True))))
    )
    assert note == (
        "Unequal seeds (with_layernorm: 1, with_layernorm_relu: 1, with_relu: 1, "
        "without_layernorm_relu: 0): an effect is over the seeds that its variants share."
    )


def test_control_characters_of_a_name_do_not_reach_a_note(read: Callable[..., Log]) -> None:
    log = read({}, {"run_id": "a\x1b", "seed": 1, "status": "failed"})
    assert "a\ufffd" in "".join(notes.of_study(one_study(log)))


def test_no_legacy_variant_counts_as_missing(tmp_path, legacy_text: Callable[..., str]) -> None:
    for name in ("with_relu", "with_layernorm"):
        (tmp_path / f"{name}_logs.txt").write_text(legacy_text(), encoding="utf-8")
    assert notes.of_study(one_study(logs.read([tmp_path]))) == []
