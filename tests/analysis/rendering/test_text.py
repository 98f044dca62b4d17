from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from single_study import one_study

from analysis.rendering import table_rows, text
from analysis.schema import Log
from analysis.statistics.curve_checks import CURVE_CHECKS
from analysis.statistics.error_analysis import ERROR_ANALYSIS


def test_the_terminal_shows_each_format_under_what_its_figures_measure(
    read: Callable[..., Log], tmp_path: Path, legacy_text: Callable[..., str]
) -> None:
    (tmp_path / "with_relu_logs.txt").write_text(legacy_text(), encoding="utf-8")
    shown = text.summary_text(one_study(read({})))
    new, legacy = (
        shown.index(table_rows.FORMATS["jsonl"]),
        shown.index(table_rows.FORMATS["legacy"]),
    )
    assert new < shown.index("r0") < legacy < shown.index("with_relu (legacy)")


def test_findings_are_cut_short_in_a_terminal_and_hold_no_control_characters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows_ = [
        ("a\x1b", "missing split", None, None, f"{split} was never evaluated") for split in "xyz"
    ]
    found = pl.DataFrame(rows_, schema=CURVE_CHECKS, orient="row")
    monkeypatch.setattr(text, "MOST_SHOWN", 1)
    shown = text.check_text(found)
    assert "a\ufffd: missing split: x was never evaluated" in shown
    assert "… and 2 more notes" in shown
    assert text.check_text(found.clear()) == "Health: nothing to note.\n"


def test_without_predictions_nothing_is_said_of_answers() -> None:
    assert text.error_text(pl.DataFrame(schema=ERROR_ANALYSIS)) == ""
