from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from single_study import one_study

from analysis.readers import logs
from analysis.rendering import effect_text, table_rows, text
from analysis.schema import SPLITS, Log
from analysis.statistics.curve_checks import CURVE_CHECKS
from analysis.statistics.effects import Effect
from analysis.statistics.results import Results, of_studies


def study_text(results: Results) -> str:
    return "\n".join(text.study_lines(results))


def test_a_study_is_its_heading_one_table_and_its_effects(read: Callable[..., Log]) -> None:
    shown = study_text(one_study(read({}, {"relu": True})))
    heading, table, effects = shown.split("\n\n")[:3]
    assert "2 runs of 2 configurations" in heading
    assert "Untrained encoder, by its nearest neighbour: " in heading
    assert [line.split()[0] for line in table.split("\n")] == [
        *("configuration", "with_layernorm", "with_layernorm_relu")
    ]
    assert " ".join(effects.split()).startswith(effect_text.NOTHING)


def test_legacy_logs_are_described_and_have_no_effects(
    tmp_path: Path, legacy_text: Callable[..., str]
) -> None:
    (tmp_path / "with_relu_logs.txt").write_text(legacy_text(), encoding="utf-8")
    shown = study_text(one_study(logs.read([tmp_path])))
    assert table_rows.FORMATS["legacy"] in " ".join(shown.split())
    assert "ffect" not in shown


def test_no_text_of_one_study_speaks_of_another(read: Callable[..., Log]) -> None:
    log = read({"config": {"data_dir": "here"}}, {"config": {"data_dir": "there"}, "relu": True})
    here, there = (study_text(results) for results in of_studies(log))
    assert "there:" not in here
    assert "with_layernorm_relu" not in here
    assert "here: " not in there.replace("there: ", "")


def test_equal_findings_of_many_runs_are_one_line_without_control_characters() -> None:
    rows = [
        *[(f"{run}\x1b", "missing split", None, None, "x was never evaluated") for run in "abc"],
        ("a\x1b", "missing split", None, None, "y was never evaluated"),
        ("a", "plateau", None, None, "stands"),
    ]
    found = pl.DataFrame(rows, schema=CURVE_CHECKS, orient="row")
    assert text.check_lines(found) == [
        "missing split: a\ufffd: x was never evaluated "
        "(and 3 more findings: python -m analysis.report shows all)",
        "plateau: a: stands",
    ]


def test_notes_are_cut_short_in_a_terminal(
    read: Callable[..., Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "MOST_SHOWN", 0)
    shown = study_text(one_study(read({"seed": 0}, {"seed": 0, "relu": True}, {"seed": 1})))
    assert "more notes: python -m analysis.report shows all" in shown


def test_control_characters_of_a_setting_do_not_reach_the_terminal() -> None:
    shown = "\n".join(text.comparison_lines([Effect("\x1b[31m\u202e: 1 − 2", 0.1, 1, 20, 10)]))
    assert "\ufffd[31m\ufffd: 1 − 2" in shown
    assert "\x1b" not in shown


@pytest.fixture
def results(experiment: Callable[..., Log]) -> Results:
    """Those of four variants, one of whose three seeds failed, with tests and with many notes."""
    off_on = (False, True)
    cells = {
        (ln, relu): {s: [s, ln, relu, 1] for s in range(3)} for ln in off_on for relu in off_on
    }
    falling = {split: [0.9 - 0.1 * epoch for epoch in range(9)] for split in SPLITS}
    log = experiment(cells, top1=falling)
    status = pl.when(pl.col("seed") == 2).then(pl.lit("failed")).otherwise("status")
    return one_study(replace(log, runs=log.runs.with_columns(status=status)))


def test_a_study_fits_a_screen_with_all_that_is_said_of_it(results: Results) -> None:
    lines = text.screen([results], ["wrote x"] * 5).split("\n")
    assert max(map(len, lines)) <= text.COLUMNS
    assert len(lines) <= text.LINES
    assert text.study_lines(results) + ["wrote x"] * 5 == lines[:-1]


def test_of_many_studies_those_are_shown_that_fit_a_screen(results: Results) -> None:
    lines = text.screen([results] * 40, ["wrote x"] * 5).split("\n")
    assert len(lines) <= text.LINES
    shown = sum(line.startswith("sample corpus: ") for line in lines)
    assert shown == 1
    assert "… and 39 more studies: see summary.md" in lines
    assert lines[-2] == "wrote x"


def test_the_study_that_is_newest_comes_first_and_one_without_a_time_last(
    results: Results,
) -> None:
    log = results.study.log
    runs = log.runs.with_columns(started=pl.lit(None, log.runs.schema["started"]))
    timeless = Results(replace(results.study, name="no time", log=replace(log, runs=runs)))
    assert text.screen([timeless, results], []).startswith(results.study.name)


def test_of_many_notes_of_the_readers_a_screen_shows_some(results: Results) -> None:
    log = replace(results.study.log, notes=tuple(f"note {n}" for n in range(300)))
    assert len(text.reader_notes(log)) <= text.MOST_NOTES + 1
    assert "280 more notes" in text.reader_notes(log)[-1]


def test_a_log_of_a_long_name_fits_a_screen_and_leaves_no_gap(
    tmp_path: Path, legacy_text: Callable[..., str]
) -> None:
    for end in "ab":
        (tmp_path / f"{'experiment_' * 9}{end}.txt").write_text(legacy_text(), encoding="utf-8")
    lines = text.study_lines(one_study(logs.read([tmp_path])))
    assert max(map(len, lines)) <= text.COLUMNS
    assert "\n\n\n" not in "\n".join(lines)


def test_a_path_is_never_broken() -> None:
    path = "/a" * 200
    assert f"  {path}:" in text.screen([], [f"wrote {path}: x"]).split("\n")
