"""Renders a figure as the bytes of a PNG or SVG file."""

import io
import warnings
from typing import TYPE_CHECKING

from analysis.rendering.style import RC

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def rendered(figure: "Figure", file_format: str, transparent: bool = False) -> bytes:
    """Render the figure as a 'png' or 'svg' file; the same figure gives the same bytes."""
    import matplotlib

    buffer = io.BytesIO()
    with matplotlib.rc_context(RC), warnings.catch_warnings():
        # Names in a log may hold letters that the font lacks: a box in their place is no news.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        metadata = {"Date": None} if file_format == "svg" else None
        figure.savefig(buffer, format=file_format, metadata=metadata, transparent=transparent)
    return buffer.getvalue()
