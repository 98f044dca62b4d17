"""Writes what a terminal shows: of each study one table, its effects, and notes."""

import textwrap
from collections.abc import Sequence

import polars as pl

from analysis.printable import printable
from analysis.rendering import effect_text, notes, table_rows
from analysis.rendering.labels import counted
from analysis.schema import Log
from analysis.statistics.effects import Effect
from analysis.statistics.results import Results

#: How to see what a screen has no room for.
WHERE_ALL = "python -m analysis.report shows all"

#: The size of a screen. What does not fit stands in the files alone.
LINES, COLUMNS = 50, 120

#: More notes than this would bury the rest of a terminal's output; a report has them all.
MOST_SHOWN = 8

#: Notes of the readers that are printed; a folder may hold thousands of files that are no log.
MOST_NOTES = 20


def screen(every: Sequence[Results], end: Sequence[str]) -> str:
    """Write the study of the newest run, as many others as fit on a screen, and the lines `end`."""
    # Without a time, as of legacy logs, last.
    newest = sorted(every, key=lambda r: str(r.study.log.runs["started"].max() or ""), reverse=True)
    last = _wrapped(end)
    room = LINES - len(last) - 2  # for a line that says how many more there are
    shown: list[str] = []
    for number, results in enumerate(newest):
        lines = study_lines(results)
        if shown and len(lines) > room:
            more = counted(len(every) - number, "more study", "more studies")
            shown += [f"… and {more}: see summary.md", ""]
            break
        shown += lines
        room -= len(lines)
    return "\n".join([*shown, *last, ""])


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


def study_lines(results: Results) -> list[str]:
    """Write a study on a screen: one table, the effects, and the notes that matter."""
    head = [table_rows.heading(results), table_rows.untrained(results)]
    parts = [_wrapped([line for line in head if line])]
    table = table_rows.configuration_rows(results, whole=False)
    parts.append(columns(table).split("\n"))
    if results.study.format != "legacy":
        answer = effect_text.answer(results.effects)
        parts.append(_wrapped([answer, *effect_text.sentences(results.effects)]))
    noted = [*notes.of_study(results), *check_lines(results.curve_checks)]
    more = [f"… and {counted(len(noted) - MOST_SHOWN, 'more note')}: {WHERE_ALL}"]
    parts.append(_wrapped(noted[:MOST_SHOWN] + more * (len(noted) > MOST_SHOWN)))
    return [line for part in parts if part for line in (*part, "")]


def comparison_lines(found: Sequence[Effect]) -> list[str]:
    """Write the effects of settings that alone tell two studies apart; nothing without any."""
    lines = [printable(line) for line in effect_text.comparison_lines(found)]
    more = [f"… and {len(lines) - MOST_SHOWN:,} more: {WHERE_ALL}"] * (len(lines) > MOST_SHOWN)
    heading = ["Between studies that differ in one setting:"]
    return [*heading, *lines[:MOST_SHOWN], *more, ""] if lines else []


def check_lines(table: pl.DataFrame) -> list[str]:
    """Write the findings of `curve_checks.check`, a line each; equal ones of many runs once."""
    grouped = table.group_by("note", maintain_order=True).agg("run_id", "text")
    lines = []
    for note, runs, texts in grouped.rows():
        others = len(texts) - 1
        more = f" (and {counted(others, 'more finding')}: {WHERE_ALL})" if others else ""
        lines.append(f"{note}: {printable(runs[0])}: {printable(texts[0])}{more}")
    return lines


def reader_notes(log: Log) -> list[str]:
    """Say what the readers passed over: the notes of `log`, then its rejected lines."""
    lines = [*log.notes[:MOST_NOTES], *notes.of_rejected(log.rejected.head(MOST_SHOWN))]
    if len(log.notes) > MOST_NOTES:
        lines.append(f"… and {counted(len(log.notes) - MOST_NOTES, 'more note')}: {WHERE_ALL}")
    if log.rejected.height > MOST_SHOWN:
        lines.append(f"… and {counted(log.rejected.height - MOST_SHOWN, 'more line')} left out")
    return [printable(line) for line in lines]


def _wrapped(lines: Sequence[str]) -> list[str]:
    """Break prose at the edge of a screen; a path or a name stays whole."""
    return [
        part
        for line in lines
        for part in textwrap.wrap(
            line, COLUMNS, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
        or [line]
    ]
