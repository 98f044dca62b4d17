"""`analysis.statistics.studies`: which runs can be compared, and what they are called."""

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from settings_of_runs import decided, logged, named, old, split

from analysis.schema import Log
from analysis.statistics.studies import LEGACY, Study, differing, studies


@pytest.mark.parametrize("run", [decided, old])
def test_neither_the_factors_nor_seed_device_and_places_split_a_study(run: Any) -> None:
    one = run(lr=5e-5, seed=0, layernorm=True, relu=False, device="cpu")
    other = run(lr=5e-5, seed=1, layernorm=False, relu=True, device="cuda")
    one["config"] |= {"log_dir": "a", "run_id": "x", "log_every": 1, "variant": "with_layernorm"}
    other["config"] |= {"log_dir": "b", "run_id": "y", "log_every": 9, "variant": "with_relu"}
    assert list(split(one, other).values()) == [["r0", "r1"]]


@pytest.mark.parametrize("run", [decided, old])
def test_a_field_that_decides_splits_a_study_and_names_the_second(run: Any) -> None:
    assert split(run(lr=5e-5, epochs=5), run(lr=1e-4, epochs=5), run(lr=5e-5, epochs=5)) == {
        "sample corpus": ["r0", "r2"],
        "sample corpus · lr 0.0001": ["r1"],
    }


def test_what_decides_is_what_the_log_says_that_it_is() -> None:
    one, other = decided(lr=1), decided(lr=1)
    one["config"]["lr"] = 2  # says nothing where the log says what decides
    other["decides"]["precision"] = "bfloat16"  # beyond what the config says
    assert named(decided(lr=1), one, other) == [
        "sample corpus",
        "sample corpus · precision bfloat16",
    ]


def test_a_recipe_that_is_spelled_out_is_of_the_study_of_the_recipe() -> None:
    by_name = decided(lr=1, recipe="documented", negatives="falling")
    assert len(named(by_name, decided(lr=1, recipe="strong"), decided(lr=1))) == 1


def test_equal_numbers_are_equal_however_they_are_written() -> None:
    assert len(named(decided(margin=1), decided(margin=1.0))) == 1


def test_each_study_has_its_own_runs_metrics_lines_warnings_and_predictions_only() -> None:
    log = logged(decided(lr=1) | {"source": "r0.jsonl"}, decided(lr=2) | {"source": "r1.jsonl"})
    of_both = {"run_id": ["r0", "r1"]}
    log = Log(
        log.runs,
        pl.DataFrame(of_both),
        pl.DataFrame({"source": ["r0.jsonl", "r1.jsonl"]}),
        pl.DataFrame(of_both),
        predictions=pl.DataFrame(of_both),
    )
    for study, run in zip(studies(log), ("r0", "r1"), strict=True):
        ours = (study.log.runs, study.log.metrics, study.log.warnings, study.log.predictions)
        assert [table["run_id"].to_list() for table in ours] == [[run]] * 4
        assert study.log.rejected["source"].to_list() == [f"{run}.jsonl"]


def test_legacy_logs_and_those_of_two_schemas_are_three_studies_the_newest_first() -> None:
    runs = [{"format": "legacy"}, old(lr=1), decided(lr=1), {"format": "legacy"}, old(lr=1)]
    assert split(*runs) == {
        "sample corpus": ["r2"],
        "sample corpus · schema 1": ["r1", "r4"],
        LEGACY: ["r0", "r3"],
    }


def test_logs_without_their_first_line_compare_with_no_other() -> None:
    torn = {"format": "jsonl", "config": None}
    assert list(split(decided(lr=1), torn, torn).values()) == [["r0"], ["r1"], ["r2"]]
    assert named(decided(lr=1), torn)[1] == "unknown (no run_start)"


def test_a_log_of_schema_2_that_does_not_say_what_decides_is_not_of_schema_1() -> None:
    silent = {"format": "jsonl", "config": {"lr": 1}}
    assert len(named(silent, old(lr=1))) == 2
    assert len(named(silent | {"decides": {}}, old(lr=1))) == 2


def test_of_one_format_the_study_of_most_runs_comes_first_then_the_one_begun_first() -> None:
    late, early = (
        decided(lr=lr) | {"started": datetime(2026, 11, day, tzinfo=UTC)}
        for lr, day in ((1, 24), (2, 23))
    )
    assert list(split(late, decided(lr=3), early, decided(lr=3)).values()) == [
        ["r1", "r3"],
        ["r2"],
        ["r0"],
    ]


def test_one_corpus_and_encoder_by_two_spellings_are_one_study() -> None:
    runs = decided(data_dir="corpus", encoder="m"), decided(data_dir="/a/corpus", encoder="/a/m")
    assert named(*runs) == ["corpus"]


def test_one_corpus_under_two_names_is_one_corpus() -> None:
    runs = decided(data_dir="a", lr=1), decided(data_dir="b", lr=1)
    assert split(*runs) == {"a": ["r0", "r1"]}


def test_an_encoder_that_was_rewritten_under_its_name_is_told_apart_by_its_digest() -> None:
    before, after = decided("0123456789", encoder="m"), decided("abcdef6789", encoder="m")
    assert named(before, after) == ["sample corpus", "sample corpus · m abcdef"]
    assert studies(logged(before, after))[0].settings["encoder"] == "m 012345"


def test_names_that_look_alike_once_printed_are_told_apart_by_their_digests() -> None:
    one, other = decided("0" * 16, encoder="m\x1b"), decided("1" * 16, encoder="m\x00")
    assert named(one, other) == ["sample corpus", "sample corpus · m\ufffd 111111"]


def test_layers_of_an_encoder_stand_beside_its_name() -> None:
    runs = decided(encoder="m"), decided("0" * 16, encoder="m", layers=3)
    assert named(*runs) == ["sample corpus", "sample corpus · m · 3 layers"]


def test_a_digest_that_is_no_text_is_shown_and_stops_nothing() -> None:
    odd = decided(data_dir="a")
    odd["decides"]["corpus"] = [1, 2]
    assert named(decided(data_dir="a"), odd) == ["a cccccc", "a [1, 2]"]


def only(*runs: dict[str, Any]) -> Study:
    (study,) = studies(logged(*runs))
    return study


def test_studies_differ_in_the_settings_that_their_runs_decide() -> None:
    one = only(decided(data_dir="a", encoder="m", epochs=1, margin=1.0))
    other = only(decided("0" * 16, data_dir="a", encoder="n", epochs=1, margin=None))
    assert differing(one, other) == {"encoder": ("m", "n"), "margin": ("1", None)}
    assert differing(one, one) == {}


def test_a_named_schedule_is_one_setting_and_the_name_of_a_recipe_none() -> None:
    falling = decided(recipe="a", negatives="falling", hard_ratio_start=0.3, hard_ratio_step=-0.3)
    rising = decided(recipe="b", negatives="rising", hard_ratio_start=0.0, hard_ratio_step=0.1)
    assert differing(only(falling), only(rising)) == {"negatives": ("falling", "rising")}
    of_one_name = decided(negatives="rising", hard_ratio_start=0.2, hard_ratio_step=0.1)
    assert differing(only(rising), only(of_one_name)) == {"hard_ratio_start": ("0", "0.2")}
    unnamed = decided(lr=1, negatives=None, hard_ratio_start=0.3, hard_ratio_step=-0.3)
    named = decided(lr=2, negatives="falling", hard_ratio_start=0.3, hard_ratio_step=-0.3)
    assert differing(only(named), only(unnamed)) == {"lr": ("2", "1")}


def configurations(*runs: dict[str, Any]) -> list[str]:
    return only(*runs).log.runs["configuration"].to_list()


def test_a_configuration_is_a_variant() -> None:
    runs = decided(), decided() | {"variant": "with_layernorm"}
    assert configurations(*runs) == ["with_relu", "with_layernorm"]


def test_legacy_runs_of_one_variant_with_another_step_are_two_configurations() -> None:
    runs = [{"format": "legacy", "hard_ratio_step": step} for step in (None, -0.01)]
    other = {"format": "legacy", "variant": "with_layernorm", "hard_ratio_step": -0.01}
    assert configurations(*runs, other) == [
        "with_relu, no step",
        "with_relu, step -0.01",
        "with_layernorm",
    ]


@pytest.mark.parametrize("kind", [{"format": "legacy"}, decided()])
def test_a_run_of_unknown_variant_is_like_no_other(kind: dict[str, Any]) -> None:
    unknown = kind | {"variant": None}
    assert configurations(unknown, kind, unknown | {"run_id": "a\x1b"}) == [
        "r0",
        "with_relu",
        "a\ufffd",
    ]
