"""Draws the picture `comparison`: top-1 of configurations by split."""

from typing import TYPE_CHECKING

import polars as pl

from analysis.rendering.axes import draw_line, label_epoch_axes, new_axes, smoothing_note
from analysis.rendering.labels import point_count
from analysis.rendering.layout import lay_out_blocks, lay_out_panels, legend_rows, write_head
from analysis.rendering.style import MUTED, Style
from analysis.rendering.table_rows import FORMATS
from analysis.schema import SPLITS
from analysis.statistics.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Evaluations beyond which a curve counts as dense.
DENSE = 60


def comparison_figure(results: Results, looks: dict[str, Style], smooth: int) -> "Figure":
    """Draw a block a format, a panel a split, a line a configuration."""
    formats = list(results.compared_configurations.group_by("format", maintain_order=True))
    headers = [0.85 + 0.3 * legend_rows(ours["configuration"]) for _, ours in formats]
    figure, blocks = lay_out_blocks([header + 4.4 for header in headers])
    for ((format_,), ours), block, header in zip(formats, blocks, headers, strict=True):
        panels = lay_out_panels(block, 1, len(SPLITS), header=header, title=0.4)
        lines = results.bands.join(ours, on="configuration", how="semi")
        counted = results.compared_runs.filter("counted", format=format_)
        starts = results.untrained.join(counted, on="run_id", how="semi").unique(
            ["split", "value"], maintain_order=True
        )
        heights = pl.concat([lines["low"], lines["high"], starts["value"]]).to_frame("end")
        low, high = heights.select(low=pl.col("end").min(), high=pl.col("end").max()).row(0)
        for ax, split in zip(panels, SPLITS, strict=True):
            plot_comparison(lines.filter(pl.col("split") == split), looks, ax, smooth)
            for value in starts.filter(split=split)["value"].drop_nulls():
                ax.axhline(value, color=MUTED, linestyle="--", linewidth=1)
            sizes = ours[f"n_{split}"].drop_nulls().to_list()
            ax.set_title(f"{split}, n = {point_count(sizes)}" if sizes else split, loc="left")
            ax.set_ylim(0.95 * (low or 0), min(1.02, 1.03 * (high or 1)))
        note = (
            "Line: mean over runs. Band: lowest to highest; of a single run Wilson's 95 % interval."
            + " Thin dashes: the untrained encoder." * (not starts.is_empty())
            + smoothing_note(smooth)
        )
        write_head(block, FORMATS[format_], note, panels)
    return figure


def plot_comparison(
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
        ax.fill_between(
            edges["epoch"], edges["low"], edges["high"], color=style.color, alpha=0.16, linewidth=0
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
    label_epoch_axes(ax)
    return ax
