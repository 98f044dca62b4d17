"""Charts which points are answered, and what the wrong answers are."""

from html import escape
from typing import Any

import polars as pl

from analysis.rendering.charts.chart import (
    SYMBOLS,
    Chart,
    Panel,
    error_bars,
    label,
    layout,
    legend,
    numbers,
    trace,
    upright,
    variants,
)
from analysis.rendering.labels import point_count, wrapped
from analysis.rendering.selection import (
    WRONG,
    answer_panels,
    in_rows,
    large_groups,
    omission,
    untrained_note,
)
from analysis.rendering.style import Style
from analysis.statistics.results import Results


def error_analysis_chart(results: Results, looks: dict[str, Style]) -> Chart:
    """Chart one row per group of points, a mark with its 95 % interval a configuration."""
    variant_of, split = variants(results.drawn), results.shown_errors["split"][0]
    panels = []
    for title, ours in answer_panels(results).items():
        line = {} if title == WRONG else upright(results.untrained.get(split))
        panels.append(_panel(ours, title, looks, variant_of, line))
    every = large_groups(results).filter(aspect="all points")
    said = ", ".join(f"{n} {100 * s:.1f} %" for n, s in every["configuration", "share"].rows())
    sentence = f"Answered on {split}: {said}."
    note = "Mark: share over all runs of a configuration. Bar: 95 % interval."
    note += untrained_note(results, " on all points")
    heading = f"Which points are answered, and what the wrong answers are{omission(results)}"
    return Chart("error_analysis", heading, sentence, note, panels, legend(looks, variant_of))


def _panel(
    shares: pl.DataFrame,
    title: str,
    looks: dict[str, Style],
    variant_of: dict[str, str],
    line: dict[str, Any],
) -> Panel:
    """Chart some groups, a row each."""
    names = [name for name in looks if name in shares["configuration"]]
    groups, placed = in_rows(shares, names)
    traces = []
    for name in names:
        ours = placed.filter(configuration=name)
        bars = error_bars(ours["share"], ours["low"], ours["high"], thickness=1.5, width=0)
        look = looks[name]
        traces.append(
            trace(
                name,
                numbers(ours["share"]),
                numbers(ours["height"]),
                mode="markers",
                marker={"color": look.color, "symbol": SYMBOLS[look.marker], "size": 8},
                error_x=bars,
                customdata=[
                    [label(group), round(n), round(low, 5), round(high, 5)]
                    for group, n, low, high in ours["group", "n", "low", "high"].rows()
                ],
                hovertemplate="%{fullData.name}, %{customdata[0]}: %{x:.1%}<br>95 % interval "
                "%{customdata[2]:.1%} to %{customdata[3]:.1%}, n = %{customdata[1]:,}"
                "<extra></extra>",
                meta={"variant": variant_of[name]},
            )
        )
    ticks = [
        f"{escape(wrapped(group, 24), quote=False)}\nn = {point_count(n)}".replace("\n", "<br>")
        for group, n in groups.select("group", "n").iter_rows()
    ]
    y: dict[str, Any] = {
        "tickvals": list(range(groups.height)),
        "ticktext": ticks,
        "range": [groups.height - 0.5, -0.5],
        "showgrid": False,
    }
    row = max(54, 18 + 11 * len(names))  # room for three lines of text, or for the marks
    return Panel(
        title,
        traces,
        layout({"tickformat": ".3~p", "rangemode": "tozero"}, y, **line),
        60 + row * groups.height,
    )
