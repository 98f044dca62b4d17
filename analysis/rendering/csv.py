"""Writes tables of all studies as CSV: summary.csv, effects.csv and error_analysis.csv."""

import unicodedata
from collections.abc import Iterable, Sequence

import polars as pl

from analysis.printable import printable
from analysis.statistics.results import Results, stacked


def summary_csv(every: Sequence[Results]) -> str:
    """Write `by_configuration` and `by_run` as one table; `level` says which one a row is from."""
    return _csv(
        (results, table.select(pl.lit(level).alias("level"), pl.all()))
        for results in every
        for level, table in (("configuration", results.by_configuration), ("run", results.by_run))
    )


def effects_csv(every: Sequence[Results]) -> str:
    """Write EFFECTS, one row per effect."""
    return _csv((results, results.effects) for results in every)


def error_analysis_csv(every: Sequence[Results]) -> str:
    """Write ERROR_ANALYSIS, one row per group of points."""
    return _csv((results, results.error_analysis) for results in every)


def _csv(tables: Iterable[tuple[Results, pl.DataFrame]]) -> str:
    """Write tables as one, with the name of the study before each row."""
    texts = pl.col(pl.String).map_elements(_cell, return_dtype=pl.String)
    return stacked(tables).with_columns(texts).write_csv()


def _cell(text: str) -> str:
    """Strip control characters, and mark as text what a spreadsheet would take for a formula.

    In some languages a spreadsheet takes the full-width forms of these signs, too.
    """
    text = printable(text)
    return f"'{text}" if unicodedata.normalize("NFKC", text[:1]) in {*"=+-@"} else text
