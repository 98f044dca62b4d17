"""Draws the picture `runs`: the curves of each run, a panel each, on pages."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import polars as pl

from analysis.printable import short
from analysis.rendering.axes import (
    UNTRAINED,
    draw_line,
    label_epochs,
    new_axes,
    percent_tick,
    smoothing_note,
)
from analysis.rendering.layout import lay_out_panels, new_figure, write_head
from analysis.rendering.style import INK, MUTED, Style
from analysis.schema import SPLITS
from analysis.statistics.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Runs on one page, and the most runs that get a panel: more would flood the folder.
RUNS_A_PAGE, MOST_RUNS = 6, 24


def run_figures(results: Results, looks: dict[str, Style], smooth: int) -> "Iterator[Figure]":
    """Yield pages of panels, one a run. Of too many runs each configuration shows equally many."""
    turn = pl.int_range(pl.len()).over("configuration")
    evaluated = results.by_run.filter(pl.col("last_epoch").is_not_null()).with_row_index("order")
    chosen = evaluated.sort(turn, "order").head(MOST_RUNS).sort("order")
    # One scale for all panels that measure the same thing.
    values = results.curves.join(chosen, on="run_id", how="semi").select(SPLITS)
    highest = max((value for value in values.max().row(0) if value is not None), default=1)
    for page in chosen.iter_slices(RUNS_A_PAGE):
        rows = 1 if page.height <= 3 else 2
        columns = -(-page.height // rows)
        figure = new_figure(1.15 + 4.0 * rows)
        panels = lay_out_panels(
            figure, rows, columns, header=1.15, title=0.95, between=0.3, outer=True
        )
        for ax, run in zip(panels, page.iter_rows(named=True), strict=False):
            curve = results.curves.filter(run_id=run["run_id"])
            plot_run(curve, looks[run["configuration"]], ax, smooth)
            if "validation" in results.untrained:
                ax.axhline(results.untrained["validation"], label="untrained", **UNTRAINED)
            ax.set_ylim(0, min(1.02, 1.1 * highest))
            _title_of_run(ax, run, 114 // columns)
        for ax in panels[page.height :]:
            ax.remove()
        note = "Star and upright line: the best epoch by validation top-1, the first on ties."
        alone = ", without hubness" * results.ranks_by_hubness
        note += f" Untrained: on validation{alone}." * ("validation" in results.untrained)
        note += smoothing_note(smooth)
        write_head(figure, f"{results.study.name}: single runs", note, panels[:1])
        yield figure


def plot_run(
    curve: pl.DataFrame, style: Style, ax: "Axes | None" = None, smooth: int = 1
) -> "Axes":
    """Draw one run and mark its best validation epoch; returns the axes.

    `curve` has the columns epoch, training, validation and test. With `smooth` above 1 a line is
    the centred mean of so many evaluations, the raw one behind it.
    """
    ax = ax or new_axes()
    looks: dict[str, dict[str, Any]] = {
        "training": {"color": MUTED, "linestyle": ":", "linewidth": 1.8},
        "validation": {"color": style.color, "linestyle": "-", "linewidth": 2.4},
        "test": {"color": INK, "linestyle": (0, (5, 2)), "linewidth": 1.4},
    }
    for split, look in looks.items():
        line = curve.select("epoch", pl.col(split).alias("value")).drop_nulls()
        draw_line(ax, line, smooth, label=split, **look)
    validated = curve.drop_nulls("validation").filter(pl.col("epoch") % 1 == 0)
    if validated.height:
        best = validated.filter(pl.col("validation") == pl.col("validation").max()).row(
            0, named=True
        )
        ax.axvline(best["epoch"], color=style.color, linewidth=1, alpha=0.6, zorder=1)
        ax.plot(
            best["epoch"],
            best["validation"],
            marker="*",
            markersize=15,
            color=style.color,
            markeredgecolor=INK,
            linestyle="none",
            label="best validation",
        )
    label_epochs(ax)
    ax.yaxis.set_major_formatter(percent_tick)
    return ax


def _title_of_run(ax: "Axes", run: dict[str, Any], characters: int) -> None:
    """Write three lines above a panel: configuration, run, and what the star marks."""
    ax.set_title(short(run["configuration"], int(characters * 0.8)), loc="left", pad=42)
    found = "no validation figure"
    if run["best_validation"] is not None:
        found = f"best {100 * run['best_validation']:.1f} % at epoch {run['best_epoch']}"
        if run["test_at_best"] is not None:
            found += f", test there {100 * run['test_at_best']:.1f} %"
    ax.annotate(
        f"{short(run['run_id'], characters)}\n{found}",
        (0, 1),
        xytext=(0, 6),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=11,
        color=MUTED,
        linespacing=1.3,
    )
