"""Draws the picture `error_analysis`: which points are answered, and what the wrong answers are."""

from typing import TYPE_CHECKING, Any

import polars as pl

from analysis.rendering.axes import UNTRAINED, new_axes, percent_tick
from analysis.rendering.labels import point_count, wrapped
from analysis.rendering.layout import (
    lay_out_panels,
    legend_rows,
    new_figure,
    write_head,
)
from analysis.rendering.selection import WRONG, answer_panels, in_rows, omission, untrained_note
from analysis.rendering.style import MUTED, Style
from analysis.statistics.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def error_analysis_figure(results: Results, looks: dict[str, Style]) -> "Figure":
    """Draw what is answered by domain and by kind of point, and what the wrong answers are.

    Groups of too few points for a picture stand in the table alone.
    """
    drawn = answer_panels(results)
    split = results.shown_errors["split"][0]
    untrained = [results.untrained[split]] if split in results.untrained else []
    top1 = [*untrained, *(end for title in drawn if title != WRONG for end in drawn[title]["high"])]
    names = pl.concat(drawn.values())["configuration"].unique().to_list()
    heights = [part["group"].n_unique() for part in drawn.values()]
    header = 0.85 + 0.3 * legend_rows(names)
    row = max(0.6, 0.4 + 0.07 * len(names))  # room for three lines of text, or for the marks
    figure = new_figure(header + 1.05 + max(heights) * row)
    panels = lay_out_panels(figure, 1, 3, header=header, title=0.4, left=1.9, between=2.1)
    for ax, (title, part), height in zip(panels, drawn.items(), heights, strict=False):
        plot_shares(part, looks, ax)
        # A row is as high in every panel; below a shorter one the paper stays blank.
        box = ax.get_position()
        used = box.height * height / max(heights)
        ax.set_position((box.x0, box.y1 - used, box.width, used))
        ax.set_title(title, loc="left")
        end = max(part["high"] if title == WRONG else top1)  # top-1 has one scale
        ax.set_xlim(-0.03 * end, 1.03 * end)
        for value in untrained * (title != WRONG):
            ax.axvline(value, **UNTRAINED)
    for ax in panels[len(drawn) :]:
        ax.remove()
    note = "Mark: share over all runs of a configuration. Bar: 95 % interval of n points or errors."
    note += untrained_note(results, " on all points")
    head = f"{results.study.name}: answers on {split}{omission(results)}"
    write_head(figure, head, note, panels[: len(drawn)])
    return figure


def plot_shares(shares: pl.DataFrame, looks: dict[str, Style], ax: "Axes | None" = None) -> "Axes":
    """Draw shares of ERROR_ANALYSIS: one row per group, a mark and interval per configuration.

    A rule stands between aspects. Returns the axes.
    """
    ax = ax or new_axes()
    names = shares["configuration"].unique(maintain_order=True).to_list()
    groups, placed = in_rows(shares, names)
    for (name,), ours in placed.partition_by("configuration", as_dict=True).items():
        style, y = looks[name], ours["height"]
        ax.hlines(y, ours["low"], ours["high"], color=style.color, linewidth=2.5, alpha=0.5)
        look: dict[str, Any] = {"color": style.color, "markersize": 7, "label": name}
        ax.plot(ours["share"], y, style.marker, linestyle="none", zorder=4, **look)
    ax.set_yticks(
        range(groups.height),
        [
            f"{wrapped(group, 19)}\nn = {point_count(n)}"
            for group, n in groups.select("group", "n").iter_rows()
        ],
        fontsize=11,
    )
    aspects = groups["aspect"].to_list()
    for edge in range(1, len(aspects)):
        within = aspects[edge] == aspects[edge - 1]
        rule = {"alpha": 0.3, "linewidth": 0.6} if within else {"linewidth": 1.2}
        ax.axhline(edge - 0.5, color=MUTED, zorder=0, **rule)
    ax.set_ylim(groups.height - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_formatter(percent_tick)
    ax.grid(axis="x", color=MUTED, alpha=0.25)
    return ax
