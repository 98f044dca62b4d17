"""Renders a figure as the bytes of a PNG or SVG file."""

import io
import os
import warnings
from typing import TYPE_CHECKING

from analysis.rendering.style import house_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_by_agg() -> None:
    """Name Agg as matplotlib's backend, before it is imported.

    For commands alone: the backend that a notebook names in the environment may not be installed.
    """
    os.environ["MPLBACKEND"] = "agg"


def rendered(figure: "Figure", file_format: str) -> bytes:
    """Render the figure as a 'png' or 'svg' file; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    with house_style(), warnings.catch_warnings():
        # Names in a log may hold letters that the font lacks: a box in their place is no news.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        metadata = {"Date": None} if file_format == "svg" else None
        figure.savefig(buffer, format=file_format, metadata=metadata)
    return buffer.getvalue()
