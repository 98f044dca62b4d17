"""Charts the loss of each configuration with its parts, and the share of hard negatives."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from analysis.rendering.axes import FEW
from analysis.rendering.charts.chart import (
    LINES,
    Chart,
    Key,
    Panel,
    Trace,
    layout,
    numbers,
    titled,
    trace,
    variants,
)
from analysis.rendering.selection import LOSS_LABELS, TRIPLETS_DIFFER, drawn_losses, omission
from analysis.rendering.style import MUTED, Style
from analysis.statistics.results import Results

#: Part of the loss → its dash and the line that stands for it in the legend.
PARTS = {
    "triplet_loss": ("solid", "──"),
    "positive_loss": ("dash", "─ ─"),
    "negative_loss": ("dot", "┈┈"),
    "in_batch_loss": ("longdash", "— —"),
    "listwise_loss": ("dashdot", "─ ·"),
}

OVER = "%{fullData.name}: %{y:.4~g} after %{x:.3~g} epochs<extra></extra>"


def loss_chart(results: Results, looks: dict[str, Style]) -> Chart:
    """Chart one panel per configuration, and one for the share of hard negatives of all."""
    variant_of = variants(results.drawn)
    losses = drawn_losses(results)
    names = [name for name in looks if name in losses["configuration"]]
    highest = losses.filter(metric="loss").select(pl.col("high").max()).item() or 1
    y = {"range": [0, 1.05 * highest]}
    x = titled("epochs completed", rangemode="tozero")
    panels = []
    for name in names:
        ours = losses.filter(configuration=name)
        traces = [*_shade(ours.filter(metric="loss"), name, looks[name].color)]
        traces.append(_line(ours, "loss", color=looks[name].color, width=2.5))
        traces += [_line(ours, p, color=MUTED, dash=PARTS[p][0], width=1.5) for p in _parts(ours)]
        panels.append(Panel(name, traces, layout(x, y), variant=variant_of[name]))
    if results.hard_ratios.height:
        ratios = [_ratio(results, name, looks[name], variant_of[name]) for name in names]
        share = {"range": [-0.05, 1.05], "tickformat": ".3~p"}
        panels.append(Panel("share of hard negatives", ratios, layout(x, share)))
    ends = losses.filter(metric="loss").group_by("configuration").agg(pl.col("value").last())
    said = ", ".join(f"{n} {v:.3g}" for n, v in ends.sort("configuration").rows())
    sentence = f"At the end: {said}."
    if "triplet_loss" in losses["metric"]:
        sentence = TRIPLETS_DIFFER
    note = (
        "Thick: the loss, mean over a short span and over runs. Parts are times their weights. "
        "Shade: lowest to highest logged value."
    )
    legend = [Key(PARTS[p][1], MUTED, LOSS_LABELS[p]) for p in _parts(losses)]
    return Chart("loss", f"Loss{omission(results)}", sentence, note, panels, legend)


def _parts(losses: pl.DataFrame) -> list[str]:
    """List the parts of the loss that were logged."""
    return [part for part in PARTS if part in losses["metric"]]


def _shade(loss: pl.DataFrame, name: str, color: str) -> Iterator[Trace]:
    """Yield the lowest and the highest loss, and a shade between them."""
    look: dict[str, Any] = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
    fill = {"fill": "tonexty", "fillcolor": color + "33"}
    yield trace(name, numbers(loss["epoch"]), numbers(loss["low"]), **look)
    yield trace(name, numbers(loss["epoch"]), numbers(loss["high"]), **look, **fill)


def _line(losses: pl.DataFrame, metric: str, **look: Any) -> Trace:
    """Return the mean of the loss or of a part of it."""
    line = losses.filter(metric=metric)
    return trace(
        LOSS_LABELS[metric],
        numbers(line["epoch"]),
        numbers(line["value"]),
        mode="lines+markers" if line.height <= FEW else "lines",
        line=look,
        hovertemplate=OVER,
    )


def _ratio(results: Results, name: str, look: Style, variant: str) -> Trace:
    """Return the share of hard negatives as steps: what is mined holds for the epoch."""
    ratio = results.hard_ratios.filter(configuration=name)
    return trace(
        name,
        ratio["epoch"].to_list(),
        numbers(ratio["value"]),
        mode="lines",
        line={"color": look.color, "dash": LINES[look.dash], "width": 2.5, "shape": "hv"},
        hovertemplate="%{fullData.name}: %{y:.0%} from epoch %{x}<extra></extra>",
        meta={"variant": variant},
    )
