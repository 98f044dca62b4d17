"""Draws the picture `effects`: what LayerNorm and ReLU do, with intervals: the answer."""

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from analysis.rendering import effect_text
from analysis.rendering.axes import new_axes
from analysis.rendering.layout import lay_out_panels, new_figure, write_head
from analysis.rendering.selection import EFFECT_TITLES, EFFECTS_NOTE, effect_measures, effect_reach
from analysis.rendering.style import INK, MUTED, NOT_SHOWN, SHOWN
from analysis.statistics.results import Results
from analysis.statistics.study_effects import MEASURED, WITHOUT_HUBNESS, is_shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Letters of the answer that fit the width of a slide.
HEAD = 100


def effects_figure(results: Results) -> "Figure":
    """Draw a panel for each measure that has effects, one row per effect."""
    effects = results.effects
    names = effects["effect"].unique(maintain_order=True).to_list()
    measured = effect_measures(effects)
    answer = effect_text.answer(effects)
    head = textwrap.wrap(f"{results.study.name}: {answer[0].lower()}{answer[1:]}", HEAD)
    header = 0.75 + 0.25 * len(head)
    # All six in a row would be too narrow for the numbers.
    without = [measure for measure in measured if measure.endswith(WITHOUT_HUBNESS)]
    rows, columns = (2, 3) if without else (1, len(measured))
    figure = new_figure(header + rows * (1.15 + 0.75 * max(2, len(names))))
    panels = lay_out_panels(figure, rows, columns, header=header, title=0.4, left=2.6, outer=True)
    reach = effect_reach(effects)
    for ax, measure in zip(panels, MEASURED if without else measured, strict=True):
        if measure not in measured:
            ax.remove()
            continue
        plot_effects(effects.filter(measure=measure), names, ax)
        ax.set_title(EFFECT_TITLES[measure], loc="left")
        ax.set_xlim(-reach, reach)
    write_head(figure, "\n".join(head), EFFECTS_NOTE)
    return figure


def plot_effects(effects: pl.DataFrame, names: Sequence[str], ax: "Axes | None" = None) -> "Axes":
    """Draw EFFECTS of one measure in percentage points: a row per name, a dot with its interval."""
    ax = ax or new_axes()
    ax.axvline(0, color=MUTED, linewidth=1.2)
    for effect in effects.iter_rows(named=True):
        row = names.index(effect["effect"])
        color = SHOWN if is_shown(effect) else NOT_SHOWN
        if effect["low"] is not None:
            ax.hlines(row, 100 * effect["low"], 100 * effect["high"], color=color, linewidth=3)
        ax.plot(100 * effect["estimate"], row, "o", color=color, markersize=11)
        ax.annotate(
            effect_text.points(effect),
            (1, row),  # at the edge, where the line at zero does not cross it
            xytext=(6, 11),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            color=INK,
            fontsize=10,
        )
    ax.set_yticks(range(len(names)), [name.replace(" (", "\n(") for name in names])
    ax.set_ylim(len(names) - 0.5, -0.7)
    ax.set_xlabel("percentage points of top-1")
    ax.grid(axis="x", color=MUTED, alpha=0.25)
    return ax
