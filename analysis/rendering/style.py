"""Decides how pictures look: colours, dashes and markers of configurations, sizes of text."""

from typing import Any, NamedTuple

import polars as pl

from analysis.readers import variant_names

#: Okabe and Ito's colours (without their yellow and black, which white and dark paper swallow).
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#8A8A8A")
DASHES = ("-", (0, (6, 2)), (0, (6, 2, 1.5, 2)), (0, (1.5, 1.5)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

#: The variants keep their colour from picture to picture and from folder to folder.
VARIANTS = tuple(variant_names.VARIANTS)

#: Colours of text and axes, and of the lines that belong to no configuration.
INK, MUTED = "#1b1b1b", "#767676"

#: matplotlib's settings: text that is read from the back of a room, and never taken for markup.
RC: dict[Any, Any] = {
    "font.size": 13,
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "axes.edgecolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "savefig.dpi": 120,
    "svg.fonttype": "none",
    "svg.hashsalt": "analysis",
    "text.parse_math": False,
}


class Style(NamedTuple):
    """How one configuration looks in every picture."""

    color: str
    dash: str | tuple[float, tuple[float, ...]]
    marker: str


def styles(runs: pl.DataFrame) -> dict[str, Style]:
    """Give each configuration a style unlike that of every other (up to 28).

    `runs` has the columns configuration and variant. A variant has its own colour, whatever else is
    present; the first of its configurations takes it.
    """
    firsts = runs.unique("variant", keep="first", maintain_order=True)
    numbers = {
        name: VARIANTS.index(variant)
        for name, variant in firsts.select("configuration", "variant").rows()
        if variant in VARIANTS
    }
    names = runs["configuration"].unique(maintain_order=True)
    others = (name for name in names if name not in numbers)
    numbers |= {name: number for number, name in enumerate(others, len(VARIANTS))}
    return {
        name: Style(
            COLORS[number % len(COLORS)],
            DASHES[number % len(DASHES)],
            MARKERS[number % len(MARKERS)],
        )
        for name, number in numbers.items()
    }
