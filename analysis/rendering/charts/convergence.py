"""Charts how fast a configuration converges, and where it ends."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from analysis.rendering.charts.chart import (
    SYMBOLS,
    Chart,
    Panel,
    Trace,
    error_bars,
    label,
    layout,
    numbers,
    percent,
    trace,
    upright,
    variants,
)
from analysis.rendering.selection import (
    CONVERGENCE_NOTE,
    measure_titles,
    omission,
    untrained_note,
)
from analysis.rendering.style import MUTED, Style
from analysis.statistics.measures import MEASURES
from analysis.statistics.results import Results

#: Letters of a configuration's name beside its row.
LETTERS = 34


def convergence_chart(results: Results, looks: dict[str, Style]) -> Chart:
    """Chart one panel per measure, one row per configuration: mean, 95 % interval, runs as dots."""
    rows: dict[str, Any] = {
        "type": "category",
        # Rows are known by whole names, since two may be shortened to the same.
        "categoryarray": [*looks],
        "tickvals": [*looks],
        "ticktext": [label(name, LETTERS) for name in looks],
        "range": [len(looks) - 0.5, -0.5],
    }
    height = 80 + 46 * max(2, len(looks))
    panels = []
    for measure, title in measure_titles(results.by_run).items():
        x = {"tickformat": ".3~p"} if MEASURES[measure].percent else {"rangemode": "tozero"}
        line = upright(results.untrained.get("test")) if measure == "last_test" else {}
        traces = list(_marks(results, measure, looks))
        panels.append(Panel(title, traces, layout(x, rows, **line), height))
    areas = results.drawn.select("configuration", "area").rows()
    said = ", ".join(f"{name} {percent(area)}" for name, area in areas)
    sentence = f"Area under the validation curve: {said}."
    note = CONVERGENCE_NOTE + untrained_note(results)
    heading = f"How fast, and where it ends{omission(results)}"
    return Chart("convergence", heading, sentence, note, panels, [])


def _marks(results: Results, measure: str, looks: dict[str, Style]) -> Iterator[Trace]:
    """Yield the counted runs of each configuration that has several, and then its mean."""
    over = "%{fullData.name}: %{x:" + (".1%" if MEASURES[measure].percent else ".2f")
    over += "}<extra></extra>"
    variant_of = variants(results.drawn)
    counted = results.by_run.filter("counted").drop_nulls(measure)
    for row in results.drawn.filter(pl.col(measure).is_not_null()).iter_slices(1):
        name = row["configuration"].item()
        look, meta = looks[name], {"variant": variant_of[name]}
        common = {"y": [name], "mode": "markers"}
        runs = counted.filter(configuration=name).select("run_id", measure).rows()
        for run, value in runs if len(runs) > 1 else ():
            yield trace(
                run,
                [round(value, 5)],
                **common,
                marker={"color": look.color, "size": 6, "opacity": 0.6},
                hovertemplate="run " + over,
                meta=meta | {"run": run},
            )
        mean = row[measure].cast(pl.Float64)
        bars = error_bars(mean, row[f"{measure}_low"], row[f"{measure}_high"])
        yield trace(
            name,
            numbers(mean),
            **common,
            marker={"color": look.color, "symbol": SYMBOLS[look.marker], "size": 12},
            error_x=bars | {"color": MUTED, "thickness": 2, "width": 5},
            hovertemplate=over,
            meta=meta,
        )
