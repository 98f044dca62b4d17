from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from figure_reading import points, scaled, texts
from matplotlib.backends.backend_agg import FigureCanvasAgg
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


def test_epochs_are_drawn_from_zero_and_the_slowest_is_not_cut_off(
    read: Callable[..., Log],
) -> None:
    results = one_study(read({}))
    looks = styles(results.by_configuration)
    ax = plot_measure(results.by_configuration, results.by_run, "best_epoch", looks)
    low, high = ax.get_xlim()
    assert low == 0
    assert points(ax, "with_layernorm") == [(2, 0)]
    assert high > 2 * 1.05


def test_a_measure_without_figure_says_so(read: Callable[..., Log]) -> None:
    log = read({})
    log = Log(log.runs, log.metrics.filter(pl.col("split") != "test"), log.rejected, log.warnings)
    results = one_study(log)
    looks = styles(results.by_configuration)
    ax = plot_measure(results.by_configuration, results.by_run, "test_at_best", looks)
    assert [text.get_text() for text in ax.texts] == ["no figure"]


def test_the_names_of_rows_keep_a_margin_from_the_edge_of_the_picture() -> None:
    results = of_studies(logs.read([ROOT / "logs" / "reference"]))[0]
    figure = figures(results)["convergence"]
    FigureCanvasAgg(figure).draw()
    names = figure.axes[0].get_yticklabels()
    assert "without_layernorm_relu" in [name.get_text() for name in names]
    assert min(name.get_window_extent().x0 for name in names) > 0.2 * figure.dpi


def test_the_target_that_was_reached_stands_over_its_panel(read: Callable[..., Log]) -> None:
    assert "epochs to 40 %" in texts(figures(one_study(read({})))["convergence"])
