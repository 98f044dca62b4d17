import polars as pl
import pytest
from figure_reading import BLUE, CURVE, line
from matplotlib.axes import Axes

from analysis.rendering.axes import draw_line, label_epochs, new_axes
from analysis.rendering.figures.runs import plot_run


def drawn(*epochs: float) -> Axes:
    ax = new_axes()
    values = {"epoch": map(float, epochs), "value": [0.5] * len(epochs)}
    draw_line(ax, pl.DataFrame(values), 1, label="a")
    label_epochs(ax)
    return ax


def test_a_tick_of_a_share_has_the_decimals_that_it_needs() -> None:
    ax = plot_run(pl.DataFrame({"epoch": [0, 1, 2, 3], **CURVE}), BLUE)
    ticks = [ax.yaxis.get_major_formatter()(share) for share in (0.0, 0.375, 0.4, 1.0)]
    assert ticks == ["0 %", "37.5 %", "40 %", "100 %"]


@pytest.mark.parametrize(
    ("epochs", "end"), [((0,), 1), ((1,), 1), ((0.25,), 1), ((0, 1, 2.3), 3), ((), 1)]
)
def test_epochs_go_from_0_to_a_whole_number_of_at_least_1(
    epochs: tuple[float, ...], end: int
) -> None:
    left, right = drawn(*epochs).get_xlim()
    assert -0.1 * end < left < 0
    assert end < right < 1.1 * end


def test_axes_that_share_their_epochs_go_to_the_last_of_both() -> None:
    ax = drawn(0, 4)
    below = ax.inset_axes((0, -0.5, 1, 0.2), sharex=ax)
    below.plot([0, 2], [1, 1])
    label_epochs(below)
    assert ax.get_xlim()[1] > 4


def test_a_single_point_has_a_marker_and_a_long_curve_none() -> None:
    assert line(drawn(1), "a").get_marker() == "o"
    assert line(drawn(*range(9)), "a").get_marker() == "None"
