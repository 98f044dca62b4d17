"""Charts the loss of the runs that are going on."""

import polars as pl

from analysis.printable import printable
from analysis.rendering.charts.chart import OTHER, Chart, Panel, layout, numbers, titled, trace
from analysis.rendering.style import COLORS, VARIANTS

#: Points that a line is thinned to.
POINTS = 200

#: Points up to which a line has markers.
FEW = 30


def progress_chart(progress: pl.DataFrame, metrics: pl.DataFrame) -> Chart:
    """Chart one line per run of PROGRESS, in the colour of its variant.

    `metrics` is the table of `epochs.with_fractions`.
    """
    losses = metrics.filter(event="step", metric="loss").drop_nulls(["epoch", "value"])
    traces = []
    for run in progress.to_dicts():
        loss = losses.filter(run_id=run["run_id"]).sort("epoch")  # a resumed run logs some twice
        loss = loss.gather_every(max(1, -(-loss.height // POINTS)))
        number = VARIANTS.index(run["variant"]) if run["variant"] in VARIANTS else -1
        traces.append(
            trace(
                run["run_id"],
                numbers(loss["epoch"]),
                numbers(loss["value"]),
                mode="lines+markers" if loss.height <= FEW else "lines",
                line={"color": COLORS[number], "width": 2},
                hovertemplate="%{fullData.name}: %{y:.4~g} in epoch %{x:.3~g}<extra></extra>",
                meta={"variant": run["variant"] or OTHER},
            )
        )
    x = titled("epochs completed", rangemode="tozero")
    last = [f"{printable(r['run_id'])} {r['loss']:.3g}" for r in progress.to_dicts() if r["loss"]]
    sentence = f"The loss now: {', '.join(last)}." if last else "No step is logged yet."
    panel = Panel("loss", traces, layout(x, {"rangemode": "tozero"}))
    return Chart("progress", "Loss so far", sentence, "Line: logged steps.", [panel], [])
