"""Writes the tables of all studies into a folder: summary.csv, summary.md and summary.tex."""

from collections.abc import Sequence
from pathlib import Path

from analysis.rendering import csv, latex, markdown, output
from analysis.statistics.results import Results


def write(folder: Path, every: Sequence[Results]) -> list[Path]:
    """Write the three files, and return their paths."""
    return [
        output.write(folder / "summary.csv", csv.summary_csv(every)),
        output.write(folder / "summary.md", markdown.summary_markdown(every)),
        output.write(folder / "summary.tex", latex.summary_latex(every)),
    ]
