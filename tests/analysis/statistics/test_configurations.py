import json
from typing import Any

import polars as pl

from analysis.schema import RUNS
from analysis.statistics import configurations


def table(*runs: dict[str, Any]) -> pl.DataFrame:
    """RUNS rows; `config` and `decides` are given as dicts."""
    usual = {"format": "jsonl", "variant": "with_relu"}
    rows = [
        {
            "run_id": f"r{i}",
            **usual,
            **run,
            **{key: json.dumps(run[key]) for key in ("config", "decides") if key in run},
        }
        for i, run in enumerate(runs)
    ]
    return pl.DataFrame(rows, schema=RUNS)


def names(*runs: dict[str, Any]) -> list[str]:
    return configurations.label(table(*runs))["configuration"].to_list()


def test_runs_that_differ_in_seed_place_and_device_are_one_configuration() -> None:
    one = {"lr": 5e-5, "seed": 0, "device": "cpu", "log_dir": "a", "run_id": "x", "log_every": 1}
    other = {"lr": 5e-5, "seed": 1, "device": "cuda", "log_dir": "b", "run_id": "y", "log_every": 9}
    assert names({"config": one}, {"config": other}) == ["with_relu", "with_relu"]


def test_a_run_that_differs_in_a_deciding_field_is_named_by_it_and_the_usual_ones_are_not() -> None:
    usual = {"config": {"lr": 5e-5, "epochs": 5}}
    assert names(usual, usual, {"config": {"lr": 1e-4, "epochs": 5}}) == [
        "with_relu",
        "with_relu",
        "with_relu, lr=0.0001",
    ]


def test_equal_numbers_are_equal_however_they_are_written() -> None:
    assert len(set(names({"config": {"margin": 1}}, {"config": {"margin": 1.0}}))) == 1


def test_a_field_that_is_unset_in_few_runs_is_named_unset() -> None:
    runs = [{"config": {"data_dir": "a"}}] * 2 + [{"config": {"data_dir": None}}]
    assert names(*runs)[2] == "with_relu, data_dir=unset"


def test_the_name_of_a_schedule_is_left_out_where_its_numbers_say_it() -> None:
    falling = {"negatives": "falling", "hard_ratio_start": 0.8, "hard_ratio_step": -0.1}
    constant = {"negatives": "constant", "hard_ratio_start": 0.8, "hard_ratio_step": 0}
    assert names({"config": falling}, {"config": falling}, {"config": constant})[2] == (
        "with_relu, hard_ratio_step=0"
    )


def test_legacy_and_new_runs_never_share_a_configuration() -> None:
    assert names({"format": "legacy"}, {"config": {"hard_ratio_step": None}}) == [
        "with_relu (legacy)",
        "with_relu",
    ]


def test_runs_of_schema_1_never_share_a_configuration_with_newer_ones() -> None:
    old = {"format": "jsonl schema 1", "config": {"lr": 5e-5}}
    assert names(old, {"decides": {"lr": 5e-5}, "config": {"lr": 5e-5}}) == [
        "with_relu (schema 1)",
        "with_relu",
    ]
    assert names(old, {"format": "legacy"})[0] == "with_relu"  # as ever where there is none newer


def decided(model: str = "e" * 16, data: str = "c" * 16, /, **config: Any) -> dict[str, Any]:
    """A run of schema 2: two digests that decide its result, and the fields of its config."""
    seed = config.get("seed", 0)
    decides = {"encoder": model, "corpus": data, "init_from": None, "seed": seed, "relu": True}
    return {"decides": decides, "config": config}


def test_what_decides_is_what_the_log_says_that_it_is() -> None:
    one, other = decided(lr=1, seed=0), decided(lr=2, seed=1)
    assert names(one, other) == ["with_relu"] * 2
    other["decides"]["device"] = "cuda"  # beyond what config says, and not to be left out
    assert names(one, one, other)[2] == "with_relu, device=cuda"


def test_one_corpus_and_encoder_by_two_spellings_are_one_configuration() -> None:
    runs = decided(data_dir="corpus", encoder="m"), decided(data_dir="/a/corpus", encoder="/a/m")
    assert names(*runs) == ["with_relu"] * 2


def test_an_encoder_that_was_rewritten_under_its_name_is_another_configuration() -> None:
    before, after = decided("0123456789", encoder="m"), decided("abcdef6789", encoder="m")
    assert names(before, before, after) == ["with_relu"] * 2 + ["with_relu, encoder=abcdef"]


def test_names_that_look_alike_once_printed_are_told_apart_by_digest() -> None:
    one, other = decided("0" * 16, encoder="m\x1b"), decided("1" * 16, encoder="m\x00")
    assert len(set(names(one, other))) == 2


def test_a_name_that_stood_for_two_encoders_is_not_shown() -> None:
    runs = [decided(encoder="m"), decided(encoder="n"), decided("f" * 16, encoder="m")]
    assert names(*runs, runs[1])[2] == "with_relu, encoder=ffffff"


def test_corpora_and_encoders_are_told_apart_by_their_names_where_these_differ() -> None:
    usual = decided(data_dir="a", encoder="m")
    other = decided("0" * 16, "1" * 16, data_dir="b", encoder="m", layers=3, init_from="r")
    other["decides"]["init_from"] = "2" * 16
    assert names(usual, usual, other)[2] == (
        "with_relu, corpus=b, encoder=m, layers=3, init_from=r"
    )
    found = configurations.differences(configurations.label(table(usual, usual, other)))
    assert found["value"].to_list() == (
        ["with_relu", "a", "m", None] + ["with_relu", "b", "m, layers=3", "r"]
    )


def test_a_digest_that_is_no_text_is_shown_and_stops_nothing() -> None:
    odd = decided(data_dir="a")
    odd["decides"]["corpus"] = [1, 2]
    assert names(decided(data_dir="a"), decided(data_dir="a"), odd)[2] == "with_relu, corpus=[1, 2]"


def test_legacy_runs_of_one_variant_with_different_decay_are_two_configurations() -> None:
    runs = [{"format": "legacy"}, {"format": "legacy", "hard_ratio_step": -0.01}]
    assert names(*runs) == ["with_relu (legacy)", "with_relu, hard_ratio_step=-0.01 (legacy)"]


def test_a_run_of_unknown_variant_is_like_no_other() -> None:
    unknown = {"format": "legacy", "variant": None}
    assert names(unknown, unknown) == [
        "unknown variant of r0 (legacy)",
        "unknown variant of r1 (legacy)",
    ]


def test_control_characters_and_lone_surrogates_of_a_config_do_not_reach_a_name() -> None:
    odd = {"config": {"encoder": "a\x1b[31m\ud800"}}
    assert names({"config": {"encoder": "b"}}, {"config": {"encoder": "b"}}, odd)[2] == (
        "with_relu, encoder=a�[31m�"
    )


def test_differences_list_variant_and_every_field_that_varies() -> None:
    runs = table(
        {"config": {"lr": 5e-5, "epochs": 5}},
        {"config": {"lr": 1e-4, "epochs": 5}, "variant": "with_layernorm"},
        {"format": "legacy"},
    )
    found = configurations.differences(configurations.label(runs))
    assert found.filter(pl.col("format") == "jsonl").select("field", "value").rows() == [
        ("variant", "with_relu"),
        ("lr", "5e-05"),
        ("variant", "with_layernorm"),
        ("lr", "0.0001"),
    ]
    assert found.filter(pl.col("format") == "legacy")["field"].to_list() == ["variant"]
