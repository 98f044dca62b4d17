"""What a figure shows, as the tests of figures read it."""

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from analysis.rendering.style import Style

BLUE = Style("#0072B2", "-", "o")
CURVE = {
    "training": [0.1, 0.5, 0.7, 0.8],
    "validation": [0.0, 0.3, 0.4, 0.3],
    "test": [0.0, 0.5, 0.3, 0.35],
}

#: A run whose log does not say how many points of each pool were hit: any predictions fit it.
INTERRUPTED = {"status": "interrupted"}


def line(ax: Axes, label: str) -> Line2D:
    found = [line for line in ax.get_lines() if line.get_label() == label]
    assert len(found) == 1
    return found[0]


def points(ax: Axes, label: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in line(ax, label).get_xydata()]


def scaled(factor: float) -> dict[str, list[float]]:
    return {split: [factor * value for value in values] for split, values in CURVE.items()}


def texts(figure: Figure) -> str:
    """Headings, legends and titles of a figure."""
    found = [text.get_text() for text in figure.texts]
    found += [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    return "\n".join(found + [ax.get_title(loc="left") for ax in figure.axes])


def drawn(figure: Figure) -> Figure:
    """The same figure, laid out: the extents of its texts are those of the picture."""
    FigureCanvasAgg(figure).draw()
    return figure


def title(ax: Axes) -> Text:
    """The text above a panel, at its left."""
    return next(t for t in ax.findobj(Text) if t.get_text() == ax.get_title(loc="left") != "")
