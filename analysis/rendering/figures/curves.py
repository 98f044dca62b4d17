"""Draws the picture `curves`: top-1 of configurations by split."""

from typing import TYPE_CHECKING

import polars as pl

from analysis.rendering.axes import (
    DENSE,
    UNTRAINED,
    draw_line,
    label_epochs,
    new_axes,
    percent_tick,
    smoothing_note,
)
from analysis.rendering.layout import lay_out_panels, legend_rows, new_figure, write_head
from analysis.rendering.selection import omission, split_title, top1_range, untrained_note
from analysis.rendering.style import Style
from analysis.schema import SPLITS
from analysis.statistics.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def curves_figure(results: Results, looks: dict[str, Style], smooth: int) -> "Figure":
    """Draw one panel per split, one line per configuration, and the untrained encoder."""
    ours = results.drawn
    lines = results.bands.join(ours, on="configuration", how="semi", maintain_order="left")
    header = 0.85 + 0.3 * legend_rows(ours["configuration"].to_list())
    figure = new_figure(header + 4.4)
    panels = lay_out_panels(figure, 1, len(SPLITS), header=header, title=0.4)
    for ax, split in zip(panels, SPLITS, strict=True):
        plot_curves(lines.filter(split=split), looks, ax, smooth)
        if split in results.untrained:
            ax.axhline(results.untrained[split], **UNTRAINED)
        ax.set_title(split_title(results, split), loc="left")
        ax.set_ylim(top1_range(results, split))
    note = (
        "Line: mean over runs. Band: lowest to highest; of a single run its 95 % interval."
        + untrained_note(results)
        + smoothing_note(smooth)
    )
    write_head(figure, f"{results.study.name}: top-1{omission(results)}", note, panels)
    return figure


def plot_curves(
    band: pl.DataFrame, looks: dict[str, Style], ax: "Axes | None" = None, smooth: int = 1
) -> "Axes":
    """Draw one split: a line and a band for each configuration; returns the axes.

    `band` is the table of `curves.bands` for that split.
    """
    ax = ax or new_axes()
    for number, ((name,), line) in enumerate(band.group_by("configuration", maintain_order=True)):
        style = looks[name]
        # Dashes drown in a curve of hundreds of jagged steps; there the markers tell lines apart.
        dense = line.height > DENSE
        every = max(1, line.height // 6)
        edges = line.drop_nulls(["low", "high"])
        width = 4 if edges.height == 1 else 0  # the band of a single point is a line
        ax.fill_between(
            edges["epoch"],
            edges["low"],
            edges["high"],
            color=style.color,
            alpha=0.16,
            linewidth=width,
        )
        draw_line(
            ax,
            line,
            smooth,
            label=name,
            color=style.color,
            linestyle="-" if dense else style.dash,
            linewidth=1.5 if dense else 2.4,
            marker=style.marker,
            markevery=(number * every // 4 % every, every),
            markersize=9 if dense else 7,
        )
    label_epochs(ax)
    ax.yaxis.set_major_formatter(percent_tick)
    return ax
