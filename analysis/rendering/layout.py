"""Lays out a figure: a heading, a note, a legend and panels."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analysis.printable import short
from analysis.rendering.style import MUTED

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: A slide's width in inches.
WIDTH = 13.3

#: Letters of a note that fit this width; a longer one is set smaller.
LONGEST_NOTE = 148

#: Letters of a name in a legend.
LONGEST_LABEL = 40


def new_figure(height: float) -> "Figure":
    """Return an empty figure as wide as a slide and `height` inches high."""
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH, height))


def lay_out_panels(
    figure: "Figure",
    rows: int,
    columns: int,
    *,
    header: float,
    title: float,
    left: float = 0.85,
    between: float = 0.75,
    below: float = 0.65,
    outer: bool = False,
) -> "list[Axes]":
    """Lay out axes in rows and columns; returns them row by row.

    In inches: `header` is kept above all of them, `title` above and `below` under each row, `left`
    beside the first column and `between` between columns. With `outer`, only the first column has
    ticks and their labels at its left.
    """
    height = figure.get_figheight()
    inner = (height - header) / rows - title - below
    wide = (WIDTH - left - 0.25 - (columns - 1) * between) / columns
    grid = figure.subplots(
        rows,
        columns,
        squeeze=False,
        gridspec_kw={
            "left": left / WIDTH,
            "right": 1 - 0.25 / WIDTH,
            "top": 1 - (header + title) / height,
            "bottom": below / height,
            "hspace": (title + below) / inner,
            "wspace": between / wide,
        },
    )
    for ax in grid[:, 1:].flat if outer else ():
        ax.tick_params(left=False, labelleft=False)
    return list(grid.flat)


def write_head(figure: "Figure", text: str, note: str, panels: "Sequence[Axes]" = ()) -> None:
    """Write the heading of a figure, a note, and the legend of all that its panels draw.

    A heading of several lines moves what is below it down by a quarter of an inch each.
    """
    height = figure.get_figheight()
    below = 0.25 + 0.25 * len(text.splitlines())
    figure.text(0.25 / WIDTH, 1 - 0.2 / height, text, va="top", fontsize=15, fontweight="bold")
    size = 12 * min(1, LONGEST_NOTE / max(1, len(note)))
    figure.text(0.25 / WIDTH, 1 - below / height, note, va="top", fontsize=size, color=MUTED)
    entries: dict[str, Artist] = {}
    for ax in panels:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    if entries:
        figure.legend(
            entries.values(),
            [short(label, LONGEST_LABEL) for label in entries],
            loc="upper left",
            bbox_to_anchor=(0.15 / WIDTH, 1 - (below + 0.2) / height),
            ncols=legend_columns(list(entries)),
            frameon=False,
            handlelength=3,
        )


def legend_columns(labels: Sequence[str]) -> int:
    """Return how many columns of a legend fit the width of a slide."""
    # A letter of the legend is up to 0.095 inches wide, its line and margins about 1.
    widest = 1 + 0.095 * min(LONGEST_LABEL, max(map(len, labels), default=1))
    return max(1, int((WIDTH - 0.5) / widest))


def legend_rows(labels: Sequence[str]) -> int:
    """Return how many rows a legend of these labels takes."""
    return -(-len(labels) // legend_columns(labels))
