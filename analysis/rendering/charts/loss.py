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
from analysis.rendering.figures.loss import LABELS
from analysis.rendering.layout import crowd
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
    """Chart a panel a configuration, and one for the share of hard negatives of all."""
    of = variants(results.drawn)
    losses = results.losses.join(
        results.drawn, on="configuration", how="semi", maintain_order="left"
    )
    names = [name for name in looks if name in losses["configuration"]]
    highest = losses.filter(metric="loss")["high"].max() or 1
    y = {"range": [0, 1.05 * float(str(highest))]}
    x = titled("epochs completed", rangemode="tozero")
    panels = []
    logged = []
    for name in names:
        ours = losses.filter(configuration=name)
        parts = [p for p in PARTS if ours.filter(metric=p)["value"].abs().max()]
        logged += parts
        traces = [*_loss(ours.filter(metric="loss"), name, looks[name])]
        traces += [_part(ours.filter(metric=part), part) for part in parts]
        panels.append(
            Panel(
                name,
                traces,
                layout(titled("epochs completed", rangemode="tozero"), y),
                variant=of[name],
            )
        )
    if results.hard_ratios.height:
        ratios = [_ratio(results, name, looks[name], of[name]) for name in names]
        share = {"range": [-0.05, 1.05], "tickformat": ".3~p"}
        panels.append(
            Panel(
                "share of hard negatives",
                ratios,
                layout(x, share),
            )
        )
    ends = losses.filter(metric="loss").group_by("configuration").agg(pl.col("value").last())
    said = ", ".join(f"{n} {v:.3g}" for n, v in ends.sort("configuration").rows())
    sentence = f"At the end: {said}."
    note = (
        "Thick: the loss, mean over a short span and over runs. Parts are times their weights. "
        "Shade: lowest to highest logged value."
    )
    legend = [Key(PARTS[p][1], MUTED, LABELS[p]) for p in PARTS if p in logged]
    return Chart("loss", f"Loss{crowd(results)}", sentence, note, panels, legend)


def _loss(line: pl.DataFrame, name: str, look: Style) -> Iterator[Trace]:
    """Yield the lowest and the highest loss as a shade, then the loss."""
    epochs, width = numbers(line["epoch"]), {"width": 0}
    shade: dict[str, Any] = {"mode": "lines", "line": width, "hoverinfo": "skip"}
    yield trace(name, epochs, numbers(line["low"]), **shade)
    fill = {"fill": "tonexty", "fillcolor": look.color + "33"}
    yield trace(name, epochs, numbers(line["high"]), **shade, **fill)
    yield trace(
        "loss",
        epochs,
        numbers(line["value"]),
        mode="lines+markers" if line.height <= FEW else "lines",
        line={"color": look.color, "width": 2.5},
        hovertemplate=OVER,
    )


def _part(line: pl.DataFrame, part: str) -> Trace:
    return trace(
        LABELS[part],
        numbers(line["epoch"]),
        numbers(line["value"]),
        mode="lines+markers" if line.height <= FEW else "lines",
        line={"color": MUTED, "dash": PARTS[part][0], "width": 1.5},
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
