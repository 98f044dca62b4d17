from collections.abc import Callable
from dataclasses import replace

import polars as pl
import pytest
from figure_reading import BLUE, points
from single_study import one_study

from analysis.rendering.figures.loss import loss_figure, plot_hard_ratio, plot_loss
from analysis.rendering.style import styles
from analysis.schema import Log
from analysis.statistics.losses import hard_ratios, losses


def test_the_band_goes_from_the_lowest_loss_to_the_highest() -> None:
    ends = {
        "epoch": [0, 1, 2],
        "value": [2.0, 1.0, 1.0],
        "low": [1.5, 0.5, 0.9],
        "high": [3, 99, 2],
    }
    ax = plot_loss(pl.DataFrame({"metric": "loss", **ends}, strict=False), BLUE)
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (0.5, 99)


def test_the_loss_is_drawn_with_its_parts_and_the_share_of_hard_negatives(
    read: Callable[..., Log],
) -> None:
    results = one_study(log := read({}))
    ax = plot_loss(losses(log.runs, log.metrics, results.by_run), BLUE)
    labels = ["loss", "triplet", "positive pairs", "negative pairs"]
    assert ax.get_legend_handles_labels()[1] == labels
    assert [y for _, y in points(ax, "loss")] == pytest.approx([2, 2, 1, 1, 2 / 3, 2 / 3])
    strip = plot_hard_ratio(hard_ratios(log.metrics, results.by_run), BLUE)
    assert points(strip, "hard_ratio") == [(0, 0.8), (1, 0.7), (2, 0.6), (3, 0.6)]


def test_where_nothing_is_mined_the_picture_keeps_no_room_for_the_share_of_hard_negatives(
    read: Callable[..., Log],
) -> None:
    log = read({})
    without = replace(log, metrics=log.metrics.filter(pl.col("event") != "mine"))
    mining, plain = (
        loss_figure(results := one_study(of), styles(results.by_run)) for of in (log, without)
    )
    assert len(mining.axes[0].child_axes) == 1
    assert len(plain.axes[0].child_axes) == 0
    heights = [figure.axes[0].get_window_extent().height for figure in (mining, plain)]
    assert heights[0] == pytest.approx(heights[1])
    assert plain.get_figheight() < mining.get_figheight()
