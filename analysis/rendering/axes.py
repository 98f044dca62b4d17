"""Draws and labels what the axes of several pictures share."""

from math import ceil
from typing import TYPE_CHECKING, Any

import polars as pl

from analysis.rendering.style import MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Points up to which a curve has markers; a single one would not be seen without.
FEW = 3

#: Evaluations beyond which a curve is dense: dashes and markers would drown in it.
DENSE = 60

#: How the untrained encoder looks, a straight line across the axes.
UNTRAINED: dict[str, Any] = {"color": MUTED, "linestyle": "--", "linewidth": 1.2}


def draw_line(ax: "Axes", line: pl.DataFrame, smooth: int, *, label: str, **look: Any) -> None:
    """Draw one curve of epoch and value; where `smooth` is above 1, the raw one behind it."""
    value = line["value"]
    if smooth > 1:
        ax.plot(
            line["epoch"],
            value,
            color=look["color"],
            linewidth=0.8,
            alpha=0.45,
            label=f"_raw {label}",
        )
        value = value.rolling_mean(smooth, min_samples=1, center=True)
    marker = {"marker": "o"} if line.height <= FEW else {}
    ax.plot(line["epoch"], value, label=label, **marker | look)


def smoothing_note(smooth: int) -> str:
    """Say in a note that lines are smoothed; nothing where they are not."""
    return f" Means of {smooth} evaluations, the raw curve thin behind." if smooth > 1 else ""


def label_epochs(ax: "Axes") -> None:
    """Label the axis of epochs, and let it span whole epochs from 0, at least one."""
    from matplotlib.ticker import MaxNLocator

    sharing = ax.get_shared_x_axes().get_siblings(ax)
    drawn = max(axes.dataLim.intervalx[1] for axes in sharing)
    end = max(1, ceil(drawn)) if drawn > 0 else 1  # below 0: nothing is drawn
    ax.set_xlim(-0.03 * end, 1.03 * end)
    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.set_xlabel("epochs completed")
    ax.grid(axis="y", color=MUTED, alpha=0.25)


def percent_tick(share: float, _: float) -> str:
    """Write a tick of a share axis, with as many decimals as it needs."""
    return f"{100 * share:.3g} %"


def new_axes() -> "Axes":
    """Return the axes of a new figure, which has room for their labels however long, and no frame
    at the right, where numbers may stand.
    """
    from matplotlib.figure import Figure

    ax: Axes = Figure(layout="constrained").subplots()
    ax.spines[["top", "right"]].set_visible(False)
    return ax
