from collections.abc import Callable
from dataclasses import replace

import polars as pl
import pytest
from figure_reading import BLUE, CURVE, drawn, line, points, texts, title
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from single_study import one_study

from analysis.rendering.figures import runs
from analysis.rendering.figures.collection import figures
from analysis.rendering.figures.runs import plot_run
from analysis.schema import Log


def test_a_run_is_drawn_as_three_lines_with_its_best_epoch_marked() -> None:
    ax = plot_run(pl.DataFrame({"epoch": [0, 1, 2, 3], **CURVE}), BLUE)
    for split, values in CURVE.items():
        assert points(ax, split) == list(enumerate(values))
    assert points(ax, "best validation") == [(2, 0.4)]
    assert to_hex(line(ax, "validation").get_color()) == BLUE.color.lower()
    looks = {line(ax, split).get_linestyle() for split in CURVE}
    assert len(looks) == 3  # told apart without colour


def test_the_axes_that_are_given_are_drawn_on_and_returned() -> None:
    ax = Figure().subplots()
    curve = pl.DataFrame({"epoch": [0, 1, 2, 3], **CURVE})
    assert plot_run(curve, BLUE, ax) is ax
    assert ax.get_lines()


def test_smoothing_leaves_the_raw_line_behind_and_only_comes_on_request() -> None:
    curve = pl.DataFrame({"epoch": [0, 1, 2, 3], **CURVE})
    assert not [x for x in plot_run(curve, BLUE).get_lines() if "raw" in str(x.get_label())]
    ax = plot_run(curve, BLUE, smooth=3)
    assert points(ax, "_raw validation") == list(enumerate(CURVE["validation"]))
    means = [y for _, y in points(ax, "validation")]
    assert means == pytest.approx([0.15, 0.7 / 3, 1 / 3, 0.35])
    order = [str(x.get_label()) for x in ax.get_lines()]
    assert order.index("_raw validation") < order.index("validation")


def test_a_run_without_validation_is_drawn_without_a_star() -> None:
    curve = pl.DataFrame({"epoch": [0, 1], "training": [0.1, 0.2], "test": [0.1, 0.3]})
    curve = curve.with_columns(validation=pl.lit(None, pl.Float64))
    ax = plot_run(curve, BLUE)
    assert points(ax, "test") == [(0, 0.1), (1, 0.3)]
    assert "best validation" not in ax.get_legend_handles_labels()[1]


def test_an_evaluation_within_a_first_epoch_of_unknown_length_is_not_drawn(
    read: Callable[..., Log],
) -> None:
    log = read({"within": (0.9,)})
    metrics = log.metrics.filter(event="eval", epoch=0)
    log = Log(log.runs, metrics, log.rejected, log.warnings)
    (run,) = figures(one_study(log))["runs"].axes
    assert points(run, "test") == [(0, 0.0)]


def test_many_runs_do_not_flood(read: Callable[..., Log], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "RUNS_A_PAGE", 2)
    monkeypatch.setattr(runs, "MOST_RUNS", 4)
    given = [{"seed": seed} for seed in range(5)] + [
        {"relu": True, "seed": seed} for seed in range(2)
    ]
    log = read(*given)
    found = figures(one_study(log))
    pages = [name for name in found if name.startswith("runs")]
    assert pages == ["runs-1", "runs-2"]
    titles = [ax.get_title(loc="left") for name in pages for ax in found[name].axes]
    assert titles == ["with_layernorm"] * 2 + ["with_layernorm_relu"] * 2


def test_the_untrained_encoder_is_a_line_and_the_legend_stands_clear_of_the_panels(
    read: Callable[..., Log],
) -> None:
    log = read(*({"seed": seed} for seed in range(3)))
    untrained = pl.when(event="untrained", split="validation").then(0.12).otherwise("value")
    log = replace(log, metrics=log.metrics.with_columns(value=untrained))
    figure = drawn(figures(one_study(log))["runs"])
    for ax in figure.axes:
        assert [0.12, 0.12] in [list(line.get_ydata()) for line in ax.get_lines()]
    assert "Untrained: on validation." in texts(figure)
    (legend,) = figure.legends
    top = max(title(ax).get_window_extent().y1 for ax in figure.axes)
    assert min(name.get_window_extent().y0 for name in legend.get_texts()) > top + 5
