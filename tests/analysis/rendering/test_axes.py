import polars as pl
from figure_reading import BLUE, CURVE

from analysis.rendering.figures.runs import plot_run


def test_a_tick_of_a_share_has_the_decimals_that_it_needs() -> None:
    ax = plot_run(pl.DataFrame({"epoch": [0, 1, 2, 3], **CURVE}), BLUE)
    ticks = [ax.yaxis.get_major_formatter()(share) for share in (0.0, 0.375, 0.4, 1.0)]
    assert ticks == ["0 %", "37.5 %", "40 %", "100 %"]
