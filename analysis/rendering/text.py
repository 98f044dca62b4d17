"""Writes what a terminal shows: aligned tables, notes and findings."""

import polars as pl

from analysis.printable import printable
from analysis.rendering import table_rows
from analysis.schema import Log
from analysis.statistics.results import Results

#: More runs than this would bury the rest of a terminal's output; the files hold them all.
MOST_SHOWN = 40


def columns(table: list[list[str]]) -> str:
    """Align rows of text under each other: the first column to the left, the others to the right.

    Every row has as many cells as the first.
    """
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    )


def summary_text(results: Results) -> str:
    """Write the tables of runs, configurations and pools, each format under what it measures."""
    parts = []
    for heading, runs, by_configuration in table_rows.by_format(results):
        parts += [
            heading,
            "",
            columns(table_rows.configuration_rows(by_configuration, table_rows.TERMINAL)),
            "",
        ]
        parts += [columns(table_rows.run_rows(runs.head(MOST_SHOWN), table_rows.TERMINAL)), ""]
        if runs.height > MOST_SHOWN:
            parts += [f"… and {runs.height - MOST_SHOWN:,} more runs in summary.md", ""]
    if not results.pools.is_empty():
        parts += [table_rows.POOLS_HEADING, "", columns(table_rows.pool_rows(results.pools)), ""]
    return "\n".join([*parts, *table_rows.notation(results.by_run), ""])


def error_text(table: pl.DataFrame) -> str:
    """Write ERROR_ANALYSIS of one split; nothing where there are no predictions."""
    if table.is_empty():
        return ""
    lines = columns(table_rows.error_rows(table, whole=False))
    return f"{table_rows.ERRORS_HEADING}\n\n{lines}\n\n{table_rows.ERRORS_NOTATION}\n\n"


def check_text(table: pl.DataFrame) -> str:
    """Write the findings of `curve_checks.check`, a line each."""
    lines = [
        f"{printable(run_id)}: {note}: {printable(sentence)}"
        for run_id, note, sentence in table.select("run_id", "note", "text")
        .head(MOST_SHOWN)
        .iter_rows()
    ]
    if table.height > len(lines):
        lines.append(f"… and {table.height - len(lines):,} more notes in the report")
    return "\n".join([*(lines or ["Health: nothing to note."]), ""])


def reader_notes(log: Log) -> list[str]:
    """Say what the readers passed over: the notes of `log`, then its rejected lines."""
    lines = list(log.notes)
    lines += [
        f"{source}, line {line}: {reason}; left out"
        for source, line, reason in log.rejected.head(MOST_SHOWN).iter_rows()
    ]
    if log.rejected.height > MOST_SHOWN:
        lines.append(f"… and {log.rejected.height - MOST_SHOWN:,} more lines left out")
    return [printable(line) for line in lines]
