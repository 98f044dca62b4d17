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
    "savefig.dpi": 144,
    "svg.fonttype": "none",
    "svg.hashsalt": "analysis",
    "text.parse_math": False,
}


class Style(NamedTuple):
    """How one configuration looks in every picture."""

    color: str
    dash: str | tuple[float, tuple[float, ...]]
    marker: str


def styles(by_configuration: pl.DataFrame) -> dict[str, Style]:
    """Give each configuration a style unlike that of every other of its format (up to 28).

    `by_configuration` has the columns configuration, format and variant. A variant has its own
    colour, which the first of its configurations takes.
    """
    table: dict[str, Style] = {}
    for _, ours in by_configuration.group_by("format", maintain_order=True):
        firsts = ours.unique("variant", keep="first").filter(pl.col("variant").is_in(VARIANTS))
        taken = {
            name: VARIANTS.index(variant)
            for name, variant in firsts.select("configuration", "variant").rows()
        }
        # The others take what is left: colours that are no variant's, then a variant's, then any.
        left = [
            number for number in range(len(COLORS) + ours.height) if number not in taken.values()
        ]
        left.sort(key=lambda number: (number >= len(COLORS), number < len(VARIANTS)))
        for name in ours["configuration"]:
            number = taken[name] if name in taken else left.pop(0)
            table[name] = Style(
                COLORS[number % len(COLORS)],
                DASHES[number % len(DASHES)],
                MARKERS[number % len(MARKERS)],
            )
    return table
