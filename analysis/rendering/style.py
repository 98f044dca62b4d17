"""Decides how pictures look: colours, dashes and markers of configurations, sizes of text."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
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

#: Colours of an effect that is shown, and of one that is not: neither is that of a variant.
SHOWN, NOT_SHOWN = "#D55E00", MUTED

#: matplotlib's settings: text that is read from the back of a room, and never taken for markup.
RC: dict[Any, Any] = {
    "font.size": 13,
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "axes.titley": 1.0,  # matplotlib would look for a free place, a seventh of all drawing
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
    "text.hinting": "none",  # what it would sharpen, 120 dots an inch do not show
}


class Style(NamedTuple):
    """How one configuration looks in every picture."""

    color: str
    dash: str | tuple[float, tuple[float, ...]]
    marker: str


def styles(runs: pl.DataFrame) -> dict[str, Style]:
    """Give each configuration a style unlike that of every other, of up to 28 a variant.

    `runs` has the columns configuration and variant. A variant has its own colour, whatever else is
    present; dashes and markers tell its configurations apart. Those of no variant share the other
    colours.
    """
    found = {}
    rest = len(COLORS) - len(VARIANTS)
    of_variant: Counter[str | None] = Counter()
    for name, variant in runs.select("configuration", "variant").unique(maintain_order=True).rows():
        known = variant in VARIANTS
        first = VARIANTS.index(variant) if known else len(VARIANTS)
        place = of_variant[variant if known else None]
        of_variant[variant if known else None] += 1
        found[name] = Style(
            COLORS[first if known else first + place % rest],
            DASHES[(first + place) % len(DASHES)],
            MARKERS[(first + place) % len(MARKERS)],
        )
    return found


@contextmanager
def house_style() -> Iterator[None]:
    """Set matplotlib to its defaults and RC, whatever a matplotlibrc or the caller has set."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(RC)
        yield
