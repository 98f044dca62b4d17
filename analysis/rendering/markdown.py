"""Writes summary.md: the tables as a Markdown document."""

import re
from collections.abc import Sequence

from analysis.rendering import effect_text, notes, table_rows
from analysis.statistics.measures import MEASURES
from analysis.statistics.results import Results


def summary_markdown(every: Sequence[Results]) -> str:
    """Write the tables of all studies as a Markdown document that defines every column."""
    parts = ["# Summary"]
    for results in every:
        parts += [f"## {escaped(table_rows.heading(results))}", table_rows.untrained(results)]
        if results.study.format != "legacy":
            parts += [effect_text.answer(results.effects)]
            parts += [f"- {sentence}" for sentence in effect_text.sentences(results.effects)]
        parts += [f"- {escaped(note)}" for note in notes.of_study(results)]
        parts += [markdown(table_rows.configuration_rows(results))]
        parts += [markdown(table_rows.run_rows(results.by_run))]
        if not results.pools.is_empty():
            parts += [f"### {table_rows.POOLS_HEADING}"]
            parts += [markdown(table_rows.pool_rows(results.pools))]
        if results.shown_errors.height:
            parts += [f"### {table_rows.ERRORS_HEADING}"]
            parts += [markdown(table_rows.error_rows(results.shown_errors))]
            parts += [table_rows.ERRORS_NOTATION]
    notation = dict.fromkeys(
        line for results in every for line in table_rows.notation(results.by_run)
    )
    parts += ["## Columns", *notation, table_rows.CURVE]
    parts += ["\n".join(f"- {m.heading}: {m.definition}" for m in MEASURES.values())]
    return "\n\n".join(filter(None, parts)) + "\n"


def markdown(table: list[list[str]]) -> str:
    """Write rows of text as a Markdown table; nothing in a cell acts as markup."""
    cells = [[escaped(cell) for cell in row] for row in table]
    cells.insert(1, ["---"] + ["---:"] * (len(table[0]) - 1))
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def escaped(text: str) -> str:
    """Escape what Markdown takes for markup, which underscores within a word are not."""
    return re.sub(r"([\\|<>*~&$`\[\]]|(?<![^\W_])_|_(?![^\W_]))", r"\\\1", text)
