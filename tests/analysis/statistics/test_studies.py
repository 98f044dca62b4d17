"""`analysis.statistics.studies`: which runs can be compared, and what they are called."""

import json
from typing import Any

import polars as pl
import pytest

from analysis.schema import METRICS, REJECTED, RUNS, WARNINGS, Log
from analysis.statistics.studies import LEGACY, LONGEST_NAME, Study, differing, studies

CORPUS, ENCODER = "c" * 16, "e" * 16


def logged(*runs: dict[str, Any]) -> Log:
    """A log of RUNS rows; `config` and `decides` are given as dicts."""
    rows = [
        {
            "run_id": f"r{i}",
            "format": "jsonl",
            "variant": "with_relu",
            **run,
            **{key: json.dumps(run[key]) for key in ("config", "decides") if key in run},
        }
        for i, run in enumerate(runs)
    ]
    tables = (pl.DataFrame(schema=schema) for schema in (METRICS, REJECTED, WARNINGS))
    return Log(pl.DataFrame(rows, schema=RUNS), *tables)


def split(*runs: dict[str, Any]) -> dict[str, list[str]]:
    """The name of each study, in order, with its runs."""
    return {study.name: study.log.runs["run_id"].to_list() for study in studies(logged(*runs))}


def named(*runs: dict[str, Any]) -> list[str]:
    return list(split(*runs))


def decided(model: str = ENCODER, data: str = CORPUS, /, **config: Any) -> dict[str, Any]:
    """A run of schema 2: two digests that decide its result, and the fields of its config."""
    said_by_digest = ("data_dir", "encoder", "layers", "init_from", "recipe", "negatives", "device")
    fields = {name: value for name, value in config.items() if name not in said_by_digest}
    first = "f" * 16 if config.get("init_from") else None
    decides = {"encoder": model, "corpus": data, "init_from": first, **fields}
    return {"decides": decides, "config": config}


def old(**config: Any) -> dict[str, Any]:
    """A run of schema 1, whose log does not say what decides."""
    return {"format": "jsonl schema 1", "config": config}


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
        "sample corpus · schema 2": ["r2"],
        "sample corpus · schema 1": ["r1", "r4"],
        LEGACY: ["r0", "r3"],
    }


def test_a_log_of_schema_2_that_does_not_say_what_decides_is_not_of_schema_1() -> None:
    silent = {"format": "jsonl", "config": {"lr": 1}}
    assert len(named(silent, old(lr=1))) == 2
    assert len(named(silent | {"decides": {}}, old(lr=1))) == 2


def test_of_one_format_the_study_of_most_runs_comes_first() -> None:
    assert list(split(decided(lr=1), decided(lr=2), decided(lr=2)).values()) == [
        ["r1", "r2"],
        ["r0"],
    ]


def test_a_study_is_named_by_its_corpus_and_by_what_tells_it_from_the_first_of_that() -> None:
    runs = [
        decided(data_dir="a/arguana", epochs=3, encoder="m"),
        decided("0" * 16, "1" * 16, data_dir="b/other", epochs=9, encoder="n"),
        decided("0" * 16, data_dir="a/arguana", epochs=1, encoder="n"),
        decided("0" * 16, data_dir="a/arguana", epochs=2, encoder="n"),
        decided(data_dir="a/arguana", epochs=3, encoder="m", init_from="first"),
        decided(data_dir="a/arguana", epochs=3, encoder="m", leaked_pairs="keep"),
    ]
    assert named(*runs) == [
        "arguana",
        "other",
        "arguana · 1 epoch · n",
        "arguana · 2 epochs · n",
        "arguana · from first",
        "arguana · leaked pairs kept",
    ]


def test_what_tells_a_study_from_all_others_is_named_before_what_many_share() -> None:
    small = {"data_dir": "arguana-counterargs", "max_length": 32, "lr": 1e-4, "batch_size": 16}
    runs = [
        decided(data_dir="arguana-counterargs", max_length=256, lr=5e-5, batch_size=32),
        decided(**small),
        decided(**small, negatives="rising", hard_ratio_step=0.1),
        decided(**small, neighbors="ball_tree"),
        decided(**small, fusion="only_cls"),
        decided(**small, init_from="20261123T120000Z_with_relu_s0_abcdef"),
        decided(**small, leaked_pairs="keep"),
    ]
    assert named(*runs) == [
        "arguana-counterargs",
        "arguana-counterargs · 32 tokens",
        "arguana-counterargs · rising · 32 tokens",
        "arguana-counterargs · ball_tree search",
        "arguana-counterargs · only_cls",
        "arguana-counterargs · from 20261…_abcdef",
        "arguana-counterargs · leaked pairs kept",
    ]


def test_of_several_recipes_each_is_named() -> None:
    runs = decided(recipe="strong", lr=1), decided(recipe="documented", lr=2)
    assert named(*runs) == ["sample corpus · strong", "sample corpus · documented · lr 2"]
    assert named(runs[0]) == ["sample corpus"]


def test_a_setting_that_is_unset_in_a_study_is_named_so() -> None:
    first = decided(data_dir="a", init_from="x", margin=1)
    assert named(first, decided(data_dir="a", margin=None)) == ["a", "a · one stage · no margin"]


def test_names_are_short_and_unique_whatever_is_in_them() -> None:
    long = "x" * 300
    runs = [
        decided(data_dir=long),
        decided("0" * 16, data_dir=long, encoder=long),
        *(decided("1" * 16, data_dir=long, encoder="y" * 99, **{long: n}) for n in range(12)),
        *(decided(data_dir=long, margin=10**n) for n in range(12)),
        decided(ENCODER, "1" * 16, data_dir=f"{long} #2"),
        decided(ENCODER, "2" * 16, data_dir="\x1b[31m\ud800对"),
    ]
    found = named(*runs)
    assert len(found) == len(set(found)) == len(runs)
    assert max(map(len, found)) <= LONGEST_NAME
    assert all(name.isprintable() for name in found)


def test_studies_that_no_short_name_tells_apart_are_numbered() -> None:
    runs = [decided(data_dir="x" * 24, note="y" * 20 + end) for end in "abc"]
    assert named(*runs) == ["x" * 24, "x" * 24 + " #2", "x" * 24 + " #3"]


def test_a_number_never_makes_a_name_that_another_study_has() -> None:
    runs = [
        decided(ENCODER, "1" * 16, data_dir="a #2"),
        decided(data_dir="a", note="y" * 40),
        decided(data_dir="a", note="z" * 40),
    ]
    assert named(*runs) == ["a #2", "a", "a #3"]


def test_a_folder_has_letters_digits_and_hyphens_and_is_of_one_study_alone() -> None:
    runs = [
        decided("0" * 16, "0" * 16, data_dir="../a b/A_b.c"),
        decided("0" * 16, "1" * 16, data_dir="A-b.c"),
        decided("0" * 16, "2" * 16, data_dir="a-b-c"),  # some file systems know no case
        decided("0" * 16, "3" * 16, data_dir="%"),
        decided("0" * 16, "3" * 16, data_dir="%", step=0.1),
        decided("0" * 16, "3" * 16, data_dir="%", step=-0.1),
    ]
    slugs = [study.slug for study in studies(logged(*runs))]
    assert slugs == ["A-b-c", "A-b-c-2", "a-b-c-3", "study", "step-0-1", "step-0-1-2"]


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
