"""A chart of the report: panels for plotly.js, made of plain dicts, and a sentence.

The dicts are what `plotly.graph_objects` would make, without its validation, which takes two
milliseconds a trace: too long for a page that is written every few seconds. The tests validate.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import polars as pl

from analysis.printable import printable, short
from analysis.rendering.style import DASHES, MARKERS, MUTED, Style

#: matplotlib's dashes and markers, in the order of `style`, as plotly.js and as letters.
LINES: dict[Any, str] = dict(zip(DASHES, ("solid", "dash", "dashdot", "dot"), strict=True))
SYMBOLS = dict(
    zip(
        MARKERS,
        ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x"),
        strict=True,
    )
)
GLYPHS = dict(zip(MARKERS, "●■▲◆▼✚✖", strict=True))

#: The variant of a configuration that is none of the four.
OTHER = "other"

#: What all charts share. Text and grid take their colours from the page's style sheet.
LAYOUT: dict[str, Any] = {
    "margin": {"l": 8, "r": 12, "t": 26, "b": 8},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "font": {"family": "system-ui, sans-serif", "size": 13, "color": MUTED},
    "hovermode": "closest",
    "hoverlabel": {"bgcolor": "#1b1b1b", "font": {"color": "#ffffff"}, "align": "left"},
    "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": MUTED, "activecolor": "#0072B2"},
    "showlegend": False,
}

Trace = dict[str, Any]


class Key(NamedTuple):
    """An entry of a chart's legend."""

    glyph: str
    color: str
    text: str
    variant: str | None = None


class Panel(NamedTuple):
    """One pair of axes."""

    title: str
    traces: list[Trace]
    layout: dict[str, Any]
    height: int = 300  # pixels
    variant: str | None = None  # of a panel that shows one configuration alone


class Chart(NamedTuple):
    """Panels beside each other, under a heading and a sentence that says what they show."""

    name: str
    heading: str
    sentence: str
    note: str  # how to read it
    panels: list[Panel]
    legend: list[Key]


def layout(
    x: Mapping[str, Any] | None = None, y: Mapping[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """Return LAYOUT with these properties of the two axes."""
    axis = {"automargin": True, "zeroline": False}
    return LAYOUT | {"xaxis": axis | dict(x or {}), "yaxis": axis | dict(y or {})} | more


def titled(text: str, **more: Any) -> dict[str, Any]:
    """Return an axis with this title."""
    return {"title": {"text": text, "standoff": 6, "font": {"size": 12}}, **more}


def trace(name: str, x: Sequence[Any], y: Sequence[Any], **more: Any) -> Trace:
    """Return a scatter trace; its name comes from a log and must not act as markup."""
    return {"type": "scatter", "name": label(name), "x": x, "y": y, **more}


def label(text: str, characters: int = 60) -> str:
    """Shorten and escape text for a chart, because plotly.js obeys some markup in it."""
    return escape(short(text, characters), quote=False)


def numbers(values: pl.Series) -> list[float | None]:
    """Return numbers with as many digits as a chart shows; what is not finite is a gap."""
    return [None if v is None or v != v or abs(v) == float("inf") else round(v, 5) for v in values]


def error_bars(value: pl.Series, low: pl.Series, high: pl.Series, **more: Any) -> dict[str, Any]:
    """Return the property error_x of a trace; without an interval the bar has no length."""
    return {
        "type": "data",
        "symmetric": False,
        "array": numbers((high - value).fill_null(0)),
        "arrayminus": numbers((value - low).fill_null(0)),
        **more,
    }


def variants(by_configuration: pl.DataFrame) -> dict[str, str]:
    """Map each configuration to its variant, or to OTHER."""
    rows = by_configuration.select("configuration", "variant").rows()
    return {name: variant or OTHER for name, variant in rows}


def legend(looks: Mapping[str, Style], variant_of: Mapping[str, str]) -> list[Key]:
    """Return an entry a configuration."""
    return [
        Key(GLYPHS[look.marker], look.color, printable(name), variant_of[name])
        for name, look in looks.items()
    ]


def upright(share: float | None) -> dict[str, Any]:
    """Return the property shapes of a layout: an upright line where the untrained encoder is."""
    if share is None:
        return {}
    look = {"color": MUTED, "dash": "dash", "width": 1.5}
    place = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": share, "x1": share}
    return {"shapes": [place | {"line": look}]}


def percent(share: float | None) -> str:
    """Write a share in a sentence."""
    return "–" if share is None else f"{100 * share:.1f} %"
