import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from scipy import stats

from analysis import summary
from analysis.readers import logs
from analysis.schema import RUNS, Log
from analysis.summary import Tables

CURVE = {
    "training": [0.1, 0.5, 0.7, 0.8, 0.9],
    "validation": [0.0, 0.380, 0.396, 0.400, 0.400],
    "test": [0.0, 0.5, 0.3, 0.35, 0.45],
}


@pytest.fixture
def read(tmp_path: Path, runlog_text: Callable[..., str]) -> Callable[..., Log]:
    """`read(run, …)`: each a dict of arguments of `runlog_text`; written, and read as one Log."""

    def build(*runs: dict[str, Any]) -> Log:
        for number, run in enumerate(runs):
            arguments = {"run_id": f"r{number}", "top1": CURVE, **run}
            (tmp_path / f"r{number}.jsonl").write_text(runlog_text(**arguments), encoding="utf-8")
        return logs.read([tmp_path])

    return build


def one_row(table: pl.DataFrame) -> dict[str, Any]:
    assert table.height == 1
    return table.row(0, named=True)


def scaled(factor: float) -> dict[str, list[float]]:
    return {split: [factor * value for value in values] for split, values in CURVE.items()}


def test_the_figures_of_a_run_are_those_computed_by_hand(read: Callable[..., Log]) -> None:
    row = one_row(summary.measure(read({})).runs)
    assert row["best_validation"] == 0.4
    assert row["best_epoch"] == 3  # the first of the two that tie
    assert row["test_at_best"] == 0.35  # neither the best test figure nor the last
    assert row["last_validation"] == 0.4
    assert row["last_test"] == 0.45
    assert row["epochs_to_95"] == 1  # 0.38 is 95 % of 0.4 exactly
    assert row["area"] == pytest.approx((0.19 + 0.388 + 0.398 + 0.4) / 4)
    assert row["stability"] == pytest.approx(pl.Series([0.396, 0.4, 0.4]).std())
    assert row["gap"] == pytest.approx(0.4)
    assert (row["n_training"], row["n_validation"], row["n_test"]) == (40, 16, 20)


def test_an_evaluation_within_the_first_epoch_is_neither_the_best_nor_the_last(
    read: Callable[..., Log],
) -> None:
    whole, with_parts, stopped = (
        summary.measure(read({"within": within, "top1": top1})).runs
        for within, top1 in (
            ((), CURVE),
            ((0.9, 0.9), CURVE),
            ((0.9,), {split: [0.25, 0.0] for split in CURVE}),
        )
    )
    assert whole.equals(with_parts)
    row = one_row(stopped)
    assert (row["best_validation"], row["best_epoch"]) == (0.25, 0)
    assert (row["last_validation"], row["last_epoch"]) == (0.0, 1)


def test_the_untrained_encoder_is_no_evaluation(read: Callable[..., Log]) -> None:
    metrics = read({}).metrics.filter((pl.col("event") != "eval") | (pl.col("epoch") > 0))
    assert metrics.filter(event="untrained", epoch=0, metric="top1").height == 3
    assert summary.curves(metrics)["epoch"].to_list() == [1, 2, 3, 4]


def test_runs_of_schema_1_and_newer_ones_have_rows_of_their_own(read: Callable[..., Log]) -> None:
    tables = summary.measure(read({"schema": 1}, {"seed": 1}, {"seed": 2}))
    assert dict(tables.configurations.select("configuration", "runs").rows()) == {
        "with_layernorm (schema 1)": 1,
        "with_layernorm": 2,
    }
    for _, runs, configurations in summary.by_format(tables):
        assert set(runs["configuration"]) == set(configurations["configuration"])
        assert configurations.height == 1


def test_the_area_weighs_unequal_steps_between_evaluations_by_their_epochs() -> None:
    metrics = pl.DataFrame(
        [
            ("a", "eval", e, None, "validation", "top1", v, 10)
            for e, v in ((0, 0.0), (1, 0.4), (5, 0.4))
        ],
        schema=["run_id", "event", "epoch", "step", "split", "metric", "value", "n"],
        orient="row",
    )
    runs = pl.DataFrame([{"run_id": "a", "format": "legacy", "variant": "with_relu"}], schema=RUNS)
    assert one_row(summary.per_run(runs, metrics))["area"] == pytest.approx((0.2 + 4 * 0.4) / 5)


def test_what_a_log_does_not_hold_is_null_and_never_zero(read: Callable[..., Log]) -> None:
    log = read({})
    no_test = log.metrics.filter(pl.col("split").ne_missing("test"))
    row = one_row(summary.per_run(log.runs, no_test))
    assert (row["test_at_best"], row["last_test"], row["n_test"]) == (None, None, None)
    assert row["best_validation"] == 0.4
    empty = one_row(summary.per_run(log.runs, log.metrics.clear()))
    assert all(empty[name] is None for name in summary.MEASURES)


def test_a_run_of_two_evaluations_has_no_stability(read: Callable[..., Log]) -> None:
    short = {split: values[:2] for split, values in CURVE.items()}
    assert one_row(summary.measure(read({"top1": short})).runs)["stability"] is None


def test_a_configuration_has_mean_deviation_and_student_interval_over_seeds(
    read: Callable[..., Log],
) -> None:
    log = read(*({"seed": seed, "top1": scaled(f)} for seed, f in enumerate((1, 0.9, 0.7))))
    row = one_row(summary.measure(log).configurations)
    values = [0.4, 0.36, 0.28]
    low, high = stats.t.interval(0.95, 2, loc=pl.Series(values).mean(), scale=stats.sem(values))
    assert (row["runs"], row["seeds"]) == (3, "0 1 2")
    assert row["best_validation"] == pytest.approx(pl.Series(values).mean())
    assert row["best_validation_sd"] == pytest.approx(pl.Series(values).std())
    assert row["best_validation_low"] == pytest.approx(low)
    assert row["best_validation_high"] == pytest.approx(high)


def test_a_single_run_has_wilsons_interval_and_none_for_epochs(read: Callable[..., Log]) -> None:
    row = one_row(
        summary.measure(read({"n": {"training": 40, "validation": 20, "test": 20}})).configurations
    )
    expected = stats.binomtest(8, 20).proportion_ci(0.95, method="wilson")
    assert row["best_validation_low"] == pytest.approx(expected.low)
    assert row["best_validation_high"] == pytest.approx(expected.high)
    assert row["best_validation_sd"] is None
    assert row["epochs_to_95_low"] is None


def test_runs_with_other_config_are_not_averaged_as_seeds(read: Callable[..., Log]) -> None:
    log = read({"seed": 0}, {"seed": 1}, {"seed": 2, "config": {"lr": 0.1}})
    table = summary.measure(log).configurations
    assert dict(table.select("configuration", "runs").rows()) == {
        "with_layernorm": 2,
        "with_layernorm, lr=0.1": 1,
    }


def test_a_run_that_did_not_complete_is_left_out_where_others_did(read: Callable[..., Log]) -> None:
    log = read({"seed": 0}, {"seed": 1, "status": "interrupted"}, {"seed": 2, "status": None})
    row = one_row(summary.measure(log).configurations)
    assert (row["runs"], row["left_out"]) == (1, 2)
    assert (
        summary.configuration_rows(summary.measure(log).configurations)[1][1] == "1 (+2 left out)"
    )


def test_runs_that_did_not_complete_count_where_none_did(read: Callable[..., Log]) -> None:
    log = read({"seed": 0, "status": None}, {"seed": 1, "status": "interrupted"})
    assert one_row(summary.measure(log).configurations)["runs"] == 2


def test_of_two_runs_with_one_seed_the_longer_counts(read: Callable[..., Log]) -> None:
    short = {split: values[:3] for split, values in CURVE.items()}
    log = read({"config": {"epochs": 4}}, {"top1": short, "config": {"epochs": 4}})
    counted = summary.measure(log).runs.filter("counted")
    assert counted["run_id"].to_list() == ["r0"]


@pytest.fixture
def with_unseen(
    tmp_path: Path, runlog_lines: Callable[..., list[dict[str, Any]]]
) -> Callable[..., Log]:
    """The Log of run `keep`, whose evaluations after e epochs on test also say that e of 8 unseen
    points were hit, and of run `drop`, which logged no such thing."""

    def build(**options: Any) -> Log:
        for name in ("keep", "drop"):
            given = {"top1": CURVE, "config": {"leaked_pairs": name}, **options}
            records = runlog_lines(run_id=name, **given)
            for record in records:
                if name == "keep" and record["event"] == "eval" and record["split"] == "test":
                    hits = record["step"] // 20
                    record |= {"top1_unseen": hits / 8, "hits_unseen": hits, "n_unseen": 8}
            text = "".join(json.dumps(record) + "\n" for record in records)
            (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8")
        return logs.read([tmp_path])

    return build


def test_a_run_that_kept_leaked_pairs_shows_its_best_epoch_over_unseen_points(
    with_unseen: Callable[..., Log],
) -> None:
    tables = summary.measure(with_unseen())
    head, *lines = summary.run_rows(tables.runs)
    cells = {line[0]: dict(zip(head, line, strict=True)) for line in lines}
    assert cells["keep"]["at epoch"] == "3"
    assert cells["keep"]["test there, unseen %"] == "37.5 (3 of 8)"
    assert cells["keep"]["best validation, unseen %"] == "–"  # not logged: no 0
    assert cells["drop"]["test there, unseen %"] == "–"
    for text in (summary.terminal_text(tables), summary.markdown_text(tables)):
        assert "37.5 (3 of 8)" in text
        assert summary.UNSEEN_NOTE in text


def test_unseen_points_of_epoch_0_are_those_before_training(
    with_unseen: Callable[..., Log],
) -> None:
    falling = {split: [0.4, 0.2] for split in CURVE}
    log = with_unseen(top1=falling, steps=(20, 40), within=(0.9,), config={})
    head, row = summary.run_rows(summary.measure(log).runs.filter(run_id="keep"))
    assert row[head.index("test there, unseen %")] == "0.0 (0 of 8)"


def test_without_unseen_figures_no_table_speaks_of_them(read: Callable[..., Log]) -> None:
    tables = summary.measure(read({}))
    assert "unseen" not in summary.terminal_text(tables) + summary.markdown_text(tables)


def test_pools_are_averaged_over_seeds_in_the_order_of_the_literature(
    read: Callable[..., Log],
) -> None:
    table = summary.measure(read({"seed": 0}, {"seed": 1})).pools
    assert table["split"].to_list() == ["validation", "test"]
    assert table.columns[-8:] == ["sdoc", "sdc", "sdoa", "sda", "stc", "sta", "epc", "epa"]
    assert table.row(0)[-8:] == (0.25,) * 8


def test_the_terminal_shows_each_format_under_what_its_figures_measure(
    read: Callable[..., Log], tmp_path: Path, legacy_text: Callable[..., str]
) -> None:
    (tmp_path / "with_relu_logs.txt").write_text(legacy_text(), encoding="utf-8")
    text = summary.terminal_text(summary.measure(read({})))
    new, legacy = text.index(summary.FORMATS["jsonl"]), text.index(summary.FORMATS["legacy"])
    assert new < text.index("r0") < legacy < text.index("with_relu (legacy)")


def test_many_runs_are_cut_short_in_a_terminal_and_whole_in_the_files(
    read: Callable[..., Log], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(summary, "MOST_SHOWN", 2)
    tables = summary.measure(read(*({"seed": seed} for seed in range(3))))
    assert "… and 1 more runs" in summary.terminal_text(tables)
    summary.write(tables, tmp_path)
    csv = pl.read_csv(tmp_path / "summary.csv")
    assert csv["level"].to_list() == ["configuration", "run", "run", "run"]
    assert csv["best_validation"].to_list() == pytest.approx([0.4] * 4)
    whole = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert all(f"| r{number} |" in whole for number in range(3))


def test_nothing_in_a_cell_acts_as_markdown() -> None:
    assert "a\\|b \\<script\\>" in summary.markdown([["head"], ["a|b <script>"]])


def test_empty_logs_give_empty_tables(read: Callable[..., Log]) -> None:
    log = read({})
    tables = summary.measure(Log(log.runs.clear(), log.metrics.clear(), log.rejected, log.warnings))
    assert isinstance(tables, Tables)
    assert all(table.is_empty() for table in tables)


def test_the_command_prints_and_writes_beside_the_logs(
    read: Callable[..., Log],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    read({})
    monkeypatch.setattr(sys, "argv", ["summary", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        summary.main()
    assert not ended.value.code
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == [
        "summary.csv",
        "summary.md",
    ]
    assert "40.0 [" in capsys.readouterr().out


def test_a_wrong_flag_answers_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["summary", str(tmp_path / "absent"), "--ouf=x"])
    with pytest.raises(SystemExit) as ended:
        summary.main()
    assert ended.value.code == 2
    assert "did you mean --out?" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_named(
    read: Callable[..., Log],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    read({})
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(sys, "argv", ["summary", str(tmp_path), f"--out={tmp_path / 'file'}"])
    with pytest.raises(SystemExit) as ended:
        summary.main()
    assert ended.value.code == 1
    assert f"{tmp_path / 'file'}: cannot make this folder" in capsys.readouterr().err
