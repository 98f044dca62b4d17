"""Draws the picture `convergence`: how fast a configuration converges, and where it ends."""

from typing import TYPE_CHECKING

import polars as pl

from analysis.rendering.axes import UNTRAINED, new_axes, percent_tick
from analysis.rendering.labels import wrapped
from analysis.rendering.layout import lay_out_panels, new_figure, write_head
from analysis.rendering.selection import CONVERGENCE_NOTE, measure_titles, omission, untrained_note
from analysis.rendering.style import INK, MUTED, Style
from analysis.rendering.table_rows import decimals, number
from analysis.statistics.measures import MEASURES
from analysis.statistics.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def convergence_figure(results: Results, looks: dict[str, Style]) -> "Figure":
    """Draw one panel per measure, one row per configuration."""
    ours = results.drawn
    titles = measure_titles(results.by_run)
    figure = new_figure(2.0 + 0.75 * max(2, ours.height))
    panels = lay_out_panels(figure, 1, len(titles), header=0.75, title=0.45, left=3.85, outer=True)
    for ax, (measure, title) in zip(panels, titles.items(), strict=True):
        plot_measure(ours, results.by_run, measure, looks, ax)
        ax.set_title(title, loc="left")
    if "test" in results.untrained:
        panels[-1].axvline(results.untrained["test"], **UNTRAINED)  # of the test figure
    note = CONVERGENCE_NOTE + untrained_note(results)
    head = f"{results.study.name}: how fast, and where it ends{omission(results)}"
    write_head(figure, head, note)
    return figure


def plot_measure(
    by_configuration: pl.DataFrame,
    by_run: pl.DataFrame,
    measure: str,
    looks: dict[str, Style],
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw one of MEASURES: one row per configuration, its mean with the 95 % interval.

    The tables are those of `per_configuration` and `per_run`; the counted runs stand as small marks
    beneath the mean. Returns the axes.
    """
    ax = ax or new_axes()
    names = by_configuration["configuration"].to_list()
    for row, figures in enumerate(by_configuration.iter_rows(named=True)):
        name, value = figures["configuration"], figures[measure]
        if value is None:
            ax.annotate(
                "no figure",
                (0.5, row),
                xycoords=("axes fraction", "data"),
                ha="center",
                va="center",
            )
            continue
        style, percent = looks[name], MEASURES[measure].percent
        low, high = figures[f"{measure}_low"], figures[f"{measure}_high"]
        if low is not None:
            ax.hlines(row, low, high, color=style.color, linewidth=5, alpha=0.45)
        of_runs = by_run.filter("counted", pl.col("configuration") == name)[measure]
        if of_runs.len() > 1:
            ax.plot(
                of_runs,
                [row + 0.22] * of_runs.len(),
                ".",
                color=style.color,
                markersize=7,
                zorder=3,
            )
        ax.plot(
            value,
            row,
            style.marker,
            color=style.color,
            markersize=9,
            label=name,
            zorder=4,
        )
        ax.annotate(
            f"{100 * value:.1f} %" if percent else number(value, decimals(measure, value)),
            (value, row),
            xytext=(0, 11),
            textcoords="offset points",
            ha="center",
            color=INK,
        )
    ax.set_yticks(range(len(names)), [wrapped(name, 33) for name in names])
    ax.set_ylim(len(names) - 0.4, -0.65)
    ax.margins(x=0.25)  # room for half a number
    ax.grid(axis="x", color=MUTED, alpha=0.25)
    ax.set_axisbelow(True)
    if MEASURES[measure].percent:
        ax.xaxis.set_major_formatter(percent_tick)
    else:
        end = max(1.0, 1.05 * ax.get_xlim()[1])
        ax.set_xlim(-0.1 * end, end)  # what is there at epoch 0 does not stand on the axis
    return ax
