"""Writes the report's section on runs in progress, which `--watch` writes every few seconds."""

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from analysis.printable import printable
from analysis.rendering.charts.chart import OTHER
from analysis.rendering.charts.progress import progress_chart
from analysis.rendering.html_parts import Marks, chart, table
from analysis.rendering.labels import counted

#: Seconds of a year.
YEAR = 365 * 24 * 3600


def in_progress(progress: pl.DataFrame, metrics: pl.DataFrame, now: datetime, every: int) -> str:
    """Write the runs of PROGRESS as a table and a chart.

    `metrics` is the table of `epochs.with_fractions`, `now` the local time, `every` the seconds
    between two pages.
    """
    if progress.is_empty():
        return section("No run in progress", "", now, every)
    rows = [_row(run, now) for run in progress.to_dicts()]
    marks: list[Marks] = [{"variant": variant or OTHER} for variant in progress["variant"]]
    cells = [list(rows[0]), *(list(row.values()) for row in rows)]
    body = table(cells, name="progress-runs", marks=marks)
    body += chart(progress_chart(progress, metrics), "progress")
    return section(f"{counted(progress.height, 'run')} in progress", body, now, every)


def section(heading: str, body: str, now: datetime, every: int) -> str:
    """Write the section under this heading, with the box that makes the page reload itself."""
    return (
        f'<section class="live" aria-label="Now"><h2>{heading}</h2>'
        f'<p class="small">Written at {now:%H:%M:%S}. <label><input type="checkbox" id="follow" '
        f'value="{every}" checked> read it again every {every} seconds</label></p>{body}</section>'
    )


def _row(run: dict[str, Any], now: datetime) -> dict[str, str]:
    """Write a row of PROGRESS as text: heading → cell."""
    left = run["seconds_left"]
    # Nobody waits for what takes years, and a date of it may not exist.
    end = now + timedelta(seconds=left) if left is not None and left < YEAR else None
    return {
        "run": printable(run["run_id"]),
        "variant": run["variant"] or "–",
        "seed": _number(run["seed"]),
        "epoch": f"{_number(run['epoch'])} of {_number(run['epochs'])}",
        "step": f"{_number(run['step'])} of {_number(run['steps'])}",
        "time to go": "–" if left is None else duration(left),
        "done about": "–" if end is None else f"{end:%a %H:%M}",
        "loss": "–" if run["loss"] is None else f"{run['loss']:.3f}",
        "validation %": "–" if run["validation"] is None else f"{100 * run['validation']:.1f}",
        "pairs/s": "–" if run["rate"] is None else f"{run['rate']:,.1f}",
    }


def duration(seconds: float) -> str:
    """Write a time to go: '45 s', '12 min', '3 h 05 min'."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"
