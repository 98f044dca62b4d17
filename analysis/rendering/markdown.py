"""Writes summary.md: the tables as a Markdown document."""

import re

from analysis.rendering import table_rows
from analysis.statistics.measures import MEASURES
from analysis.statistics.results import Results


def summary_markdown(results: Results) -> str:
    """Write the tables as a Markdown document that defines every column."""
    parts = ["# Summary"]
    for heading, runs, by_configuration in table_rows.by_format(results):
        parts += [f"## {heading}", markdown(table_rows.configuration_rows(by_configuration))]
        parts += [markdown(table_rows.run_rows(runs))]
    if not results.pools.is_empty():
        parts += [f"## {table_rows.POOLS_HEADING}", markdown(table_rows.pool_rows(results.pools))]
    parts += ["## Columns", *table_rows.notation(results.by_run), table_rows.CURVE]
    parts += ["\n".join(f"- {m.heading}: {m.definition}" for m in MEASURES.values())]
    return "\n\n".join(parts) + "\n"


def markdown(table: list[list[str]]) -> str:
    """Write rows of text as a Markdown table; nothing in a cell acts as markup."""
    cells = [[re.sub(r"([\\|<>*`\[\]])", r"\\\1", cell) for cell in row] for row in table]
    cells.insert(1, ["---"] + ["---:"] * (len(table[0]) - 1))
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)
