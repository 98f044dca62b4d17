"""Writes what a terminal shows of a study: one table, its effects, and notes."""

from collections.abc import Sequence

import polars as pl

from analysis.printable import printable
from analysis.rendering import effect_text, notes, table_rows
from analysis.schema import Log
from analysis.statistics.effects import Effect
from analysis.statistics.results import Results

#: More notes than this would bury the rest of a terminal's output; the files hold them all.
MOST_SHOWN = 8


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


def study_text(results: Results) -> str:
    """Write a study on a screen: one table, the effects, and the notes that matter."""
    parts = [[table_rows.heading(results), table_rows.untrained(results)]]
    table = table_rows.configuration_rows(results, table_rows.TERMINAL, whole=False)
    parts.append([columns(table)])
    if results.study.format != "legacy":
        parts.append([effect_text.answer(results.effects), *effect_text.sentences(results.effects)])
    noted = [*notes.of_study(results), *check_lines(results.curve_checks)]
    parts.append(noted[:MOST_SHOWN])
    if len(noted) > MOST_SHOWN:
        parts[-1].append(f"… and {len(noted) - MOST_SHOWN:,} more notes in the report")
    return "".join("\n".join(filter(None, part)) + "\n\n" for part in parts if part)


def comparison_text(found: Sequence[Effect]) -> str:
    """Write what single settings do, in which two studies differ; nothing where there are none."""
    lines = [printable(line) for line in effect_text.comparison_lines(found)]
    more = len(lines) - MOST_SHOWN
    lines[MOST_SHOWN:] = [f"… and {more:,} more in the report"] if more > 0 else []
    return "\n".join(["Between studies that differ in one setting:", *lines, "\n"]) if lines else ""


def check_lines(table: pl.DataFrame) -> list[str]:
    """Write the findings of `curve_checks.check`, a line each; equal ones of many runs once."""
    grouped = table.group_by("note", maintain_order=True).agg("run_id", "text")
    lines = []
    for note, runs, texts in grouped.rows():
        others = len(set(runs)) - 1
        more = f" (and {others} more runs: see the report)" if others else ""
        lines.append(f"{note}: {printable(runs[0])}: {printable(texts[0])}{more}")
    return lines


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
