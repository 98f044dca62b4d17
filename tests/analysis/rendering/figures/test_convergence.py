from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from figure_reading import drawn, points, scaled, texts
from single_study import one_study

from analysis.readers import logs
from analysis.rendering.figures.collection import figures
from analysis.rendering.figures.convergence import plot_measure
from analysis.rendering.style import styles
from analysis.schema import Log
from analysis.statistics.results import of_studies

ROOT = Path(__file__).parents[4]


def test_a_measure_is_drawn_with_its_interval_and_its_runs(read: Callable[..., Log]) -> None:
    results = one_study(read({"seed": 0}, {"seed": 1, "top1": scaled(0.5)}))
    looks = styles(results.by_configuration)
    ax = plot_measure(results.by_configuration, results.by_run, "best_validation", looks)
    assert points(ax, "with_layernorm") == [(pytest.approx(0.3), 0)]
    row = results.by_configuration.row(0, named=True)
    ends = ax.collections[0].get_segments()[0][:, 0]
    assert list(ends) == [row["best_validation_low"], row["best_validation_high"]]
    dots = [x for x in ax.get_lines() if x.get_marker() == "."]
    assert list(dots[0].get_xdata()) == [0.4, 0.2]
    assert [text.get_text() for text in ax.texts] == ["30.0 %"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["with_layernorm"]


@pytest.mark.parametrize(("factor", "best"), [(1, 2), (0, 0)])
def test_epochs_are_drawn_from_zero_and_nothing_stands_on_the_axis_or_is_cut_off(
    read: Callable[..., Log], factor: float, best: int
) -> None:
    results = one_study(read({"top1": scaled(factor)}))
    looks = styles(results.by_configuration)
    ax = plot_measure(results.by_configuration, results.by_run, "best_epoch", looks)
    low, high = ax.get_xlim()
    assert -0.12 * high < low < -0.08 * high
    assert points(ax, "with_layernorm") == [(best, 0)]
    assert high > max(0.9, best * 1.05)


def test_no_number_stands_on_the_axis_or_leaves_the_paper(read: Callable[..., Log]) -> None:
    curves = ({"seed": 0, "relu": relu, "top1": scaled(1 - 0.3 * relu)} for relu in (False, True))
    figure = drawn(figures(one_study(read(*curves)))["convergence"])
    for ax in figure.axes:
        for text in ax.texts:
            box = text.get_window_extent()
            assert ax.bbox.x0 < box.x0
            assert box.x1 < figure.bbox.x1


def test_the_untrained_encoder_is_a_line_beside_the_last_test_figure(
    read: Callable[..., Log],
) -> None:
    log = read({})
    untrained = pl.when(event="untrained", split="test").then(0.13).otherwise("value")
    both = replace(log, metrics=log.metrics.with_columns(value=untrained))
    figure = figures(one_study(both))["convergence"]
    lines = [[list(line.get_xdata()) for line in ax.get_lines()] for ax in figure.axes]
    assert [[0.13, 0.13] in found for found in lines] == [False, False, True]
    assert "untrained" in texts(figure)
    without = replace(log, metrics=log.metrics.filter(event="eval"))
    assert "untrained" not in texts(figures(one_study(without))["convergence"])


def test_a_measure_without_figure_says_so(read: Callable[..., Log]) -> None:
    log = read({})
    log = Log(log.runs, log.metrics.filter(pl.col("split") != "test"), log.rejected, log.warnings)
    results = one_study(log)
    looks = styles(results.by_configuration)
    ax = plot_measure(results.by_configuration, results.by_run, "test_at_best", looks)
    assert [text.get_text() for text in ax.texts] == ["no figure"]


def test_the_names_of_rows_keep_a_margin_from_the_edge_of_the_picture() -> None:
    results = of_studies(logs.read([ROOT / "logs" / "reference"]))[0]
    figure = drawn(figures(results)["convergence"])
    names = figure.axes[0].get_yticklabels()
    assert "without_layernorm_relu" in [name.get_text() for name in names]
    assert min(name.get_window_extent().x0 for name in names) > 0.2 * figure.dpi


def test_the_target_that_was_reached_stands_over_its_panel(read: Callable[..., Log]) -> None:
    assert "epochs to 40 %" in texts(figures(one_study(read({})))["convergence"])
