import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from figure_reading import scaled
from made_up_runs import CURVE
from single_study import one_study

from analysis.readers import logs
from analysis.rendering import markdown, table_rows
from analysis.schema import Log
from analysis.statistics import error_analysis
from analysis.statistics.results import Results, of_studies


def test_a_heading_counts_runs_and_says_what_figures_measure(read: Callable[..., Log]) -> None:
    words = table_rows.FORMATS["jsonl"]
    one = one_study(read({}))
    assert table_rows.heading(one) == f"sample corpus: 1 run of 1 configuration, {words}"
    two = one_study(read({"seed": 0}, {"relu": True}))
    assert table_rows.heading(two) == f"sample corpus: 2 runs of 2 configurations, {words}"


def test_the_untrained_encoder_is_told_where_it_was_logged(read: Callable[..., Log]) -> None:
    log = read({"top1": CURVE}, {"relu": True, "top1": CURVE})
    found = table_rows.untrained(one_study(log))
    shares = "training 10.0 %, validation 0.0 %, test 0.0 %"
    assert found == f"Untrained encoder, by its nearest neighbour: {shares}"
    trained = replace(log, metrics=log.metrics.filter(event="eval"))
    assert table_rows.untrained(one_study(trained)) == ""


def cells(results: Results, row: int = 1, **options: Any) -> dict[str, str]:
    """Heading → cell of one row of the table of configurations."""
    table = table_rows.configuration_rows(results, **options)
    return dict(zip(table[0], table[row], strict=True))


def test_a_heading_names_the_target_of_the_study(read: Callable[..., Log]) -> None:
    log = read({})
    assert cells(one_study(log))["epochs to 40 %"] == "2"
    assert cells(one_study(log, target=0.125))["epochs to 12.5 %"] == "0.42"
    empty = one_study(replace(log, metrics=log.metrics.clear()))
    assert cells(empty)["epochs to target"] == "–"


def test_the_last_epoch_has_its_interval_and_a_terminal_none(read: Callable[..., Log]) -> None:
    one = one_study(read({}))
    assert cells(one)["test %"] == "35.0 [14.7, 62.6]"
    assert cells(one)["best %"] == "40.0"
    assert cells(one, whole=False)["test %"] == "35.0"
    two = one_study(read({"seed": 0}, {"seed": 1, "top1": scaled(0.5)}))
    assert cells(two, whole=False)["best %"] == "30.0 ± 14.1"
    assert cells(two)["runs"] == "2"


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
    every = of_studies(with_unseen())
    results = next(study for study in every if "keep" in study.by_run["run_id"])
    head, *lines = table_rows.run_rows(results.by_run)
    cells = {line[0]: dict(zip(head, line, strict=True)) for line in lines}
    assert cells["keep"]["at epoch"] == "3"
    assert cells["keep"]["test there, unseen %"] == "37.5 (3 of 8)"
    assert cells["keep"]["best validation, unseen %"] == "–"  # not logged: no 0
    shown = markdown.summary_markdown(every)
    assert "37.5 (3 of 8)" in shown
    assert table_rows.UNSEEN_NOTE in shown


def test_unseen_points_of_epoch_0_are_those_before_training(
    with_unseen: Callable[..., Log],
) -> None:
    falling = {split: [0.4, 0.2] for split in CURVE}
    log = with_unseen(top1=falling, steps=(20, 40), within=(0.9,), config={})
    (results,) = (study for study in of_studies(log) if "keep" in study.by_run["run_id"])
    head, row = table_rows.run_rows(results.by_run.filter(run_id="keep"))
    assert row[head.index("test there, unseen %")] == "0.0 (0 of 8)"


def test_without_unseen_figures_no_table_speaks_of_them(read: Callable[..., Log]) -> None:
    results = one_study(read({}))
    assert "unseen" not in markdown.summary_markdown([results])


LAW, TAX = "law/tax/pro/01", "law/tax/con/01"
SPORT = "sport/running/pro/01"


def runs(**configurations):
    """The columns of `measures.per_run` that matter here: run id = its configuration."""
    return pl.DataFrame(
        {
            "run_id": list(configurations),
            "configuration": list(configurations.values()),
            "format": ["jsonl"] * len(configurations),
            "counted": [True] * len(configurations),
        }
    )


def test_the_text_has_a_column_a_configuration_and_a_dash_where_one_has_no_such_group(answers):
    one = answers("a", {LAW: None})
    other = answers("b", {LAW: f"{TAX}/point", SPORT: None})
    table = error_analysis.analyse(pl.concat([one, other]), runs(a="x", b="y"))
    head, *lines = table_rows.error_rows(table)
    assert head == ["test %", "", "n", "x", "y"]
    assert ["domain", "sport", "1", "–", "100.0 [13.3, 100.0]"] in lines
    assert ["all points", "all", "1–2", "100.0 [13.3, 100.0]", "50.0 [6.3, 93.7]"] in lines


def test_groups_keep_one_order_where_configurations_answer_different_points(answers):
    both = pl.concat([answers("a", {SPORT: None}), answers("b", {LAW: None})])
    lines = table_rows.error_rows(error_analysis.analyse(both, runs(a="x", b="y")))[1:]
    assert [line[:2] for line in lines if line[0] == "domain"] == [
        ["domain", "law"],
        ["domain", "sport"],
    ]
    aspects = [line[0] for line in lines]
    assert aspects == sorted(aspects, key=error_analysis.ASPECTS.index)
