"""Charts how fast a configuration converges, and where it ends."""

from typing import Any

import polars as pl

from analysis.rendering.axes import UNTRAINED_NOTE
from analysis.rendering.charts.chart import (
    SYMBOLS,
    Chart,
    Panel,
    error_bars,
    label,
    layout,
    numbers,
    percent,
    trace,
    upright,
    variants,
)
from analysis.rendering.layout import crowd
from analysis.rendering.selection import measure_titles
from analysis.rendering.style import MUTED, Style
from analysis.statistics.measures import MEASURES
from analysis.statistics.results import Results


def convergence_chart(results: Results, looks: dict[str, Style]) -> Chart:
    """Chart a panel a measure, a row a configuration: mean with 95 % interval, runs as dots."""
    ours, of = results.drawn, variants(results.drawn)
    rows: dict[str, Any] = {
        "type": "category",
        "categoryarray": [label(name, 34) for name in looks],
        "range": [len(looks) - 0.5, -0.5],
    }
    untrained = results.untrained.filter(split="test")["value"]
    panels = []
    for measure, title in measure_titles(results.by_run).items():
        share = MEASURES[measure].percent
        traces = []
        for row in ours.filter(pl.col(measure).is_not_null()).iter_slices(1):
            name = row["configuration"].item()
            runs = results.by_run.filter("counted", pl.col("configuration") == name)
            runs = runs.drop_nulls(measure)
            look, meta = looks[name], {"variant": of[name]}
            value = "%{x:.1%}" if share else "%{x:.1f}"
            over = "%{fullData.name}: " + value + "<extra></extra>"
            if runs.height > 1:
                for run, single in runs.select("run_id", measure).rows():
                    traces.append(
                        trace(
                            run,
                            [round(single, 5)],
                            [label(name, 34)],
                            mode="markers",
                            marker={"color": look.color, "size": 6, "opacity": 0.6},
                            hovertemplate="run " + over,
                            meta=meta | {"run": run},
                        )
                    )
            mean = row[measure].cast(pl.Float64)
            bars = error_bars(mean, row[f"{measure}_low"], row[f"{measure}_high"])
            traces.append(
                trace(
                    name,
                    numbers(mean),
                    [label(name, 34)],
                    mode="markers",
                    marker={"color": look.color, "symbol": SYMBOLS[look.marker], "size": 12},
                    error_x=bars | {"color": MUTED, "thickness": 2, "width": 5},
                    hovertemplate=over,
                    meta=meta,
                )
            )
        x = {"tickformat": ".3~p"} if share else {"rangemode": "tozero"}
        line = upright(untrained) if measure == "last_test" else {}
        height = 80 + 46 * max(2, len(looks))
        panels.append(Panel(title, traces, layout(x, rows, **line), height))
    areas = ours.select("configuration", "area").rows()
    said = ", ".join(f"{name} {percent(area)}" for name, area in areas)
    sentence = f"Area under the validation curve: {said}."
    note = "Area: mean height of the curve. Bar: 95 % interval over runs, small dots."
    note += UNTRAINED_NOTE * (not untrained.is_empty())
    heading = f"How fast, and where it ends{crowd(results)}"
    return Chart("convergence", heading, sentence, note, panels, [])
