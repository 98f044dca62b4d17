import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
from figure_reading import BLUE, CURVE, line, points, texts
from matplotlib.colors import to_hex
from single_study import one_study

from analysis.readers import logs
from analysis.rendering.figures.collection import figures
from analysis.rendering.figures.curves import plot_curves
from analysis.rendering.style import Style
from analysis.schema import Log


def test_the_comparison_has_a_line_and_a_band_for_each_configuration() -> None:
    band = pl.DataFrame(
        {
            "configuration": ["a", "a", "b", "b"],
            "epoch": [0, 1, 0, 1],
            "value": [0.1, 0.2, 0.3, 0.4],
            "low": [0.05, 0.1, 0.2, None],
            "high": [0.15, 0.3, 0.4, None],
        }
    )
    looks = {"a": BLUE, "b": Style("#E69F00", ":", "s")}
    ax = plot_curves(band, looks)
    assert points(ax, "a") == [(0, 0.1), (1, 0.2)]
    assert points(ax, "b") == [(0, 0.3), (1, 0.4)]
    assert line(ax, "b").get_marker() == "s"
    shapes = [shape.get_paths()[0].vertices for shape in ax.collections]
    assert (shapes[0][:, 1].min(), shapes[0][:, 1].max()) == (0.05, 0.3)
    assert set(shapes[1][:, 0]) == {0}  # where there is no interval there is no band


def test_a_smoothed_picture_says_so(read: Callable[..., Log]) -> None:
    results = one_study(read({}))
    assert "Means of 5 evaluations" in texts(figures(results, smooth=5)["curves"])
    assert "Means of" not in texts(figures(results)["curves"])


def test_the_untrained_encoder_is_a_thin_line_that_the_axes_hold(read: Callable[..., Log]) -> None:
    log = read({"top1": {split: [0.3, 0.5] for split in CURVE}})
    untrained = pl.when(pl.col("event") == "untrained").then(0.01).otherwise("value")
    log = Log(log.runs, log.metrics.with_columns(value=untrained), log.rejected, log.warnings)
    figure = figures(one_study(log))["curves"]
    for ax in figure.axes:
        (thin,) = [line for line in ax.get_lines() if list(line.get_ydata()) == [0.01] * 2]
        assert thin.get_linewidth() < 1.5
        assert ax.get_ylim()[0] < 0.01
    assert "Thin dashes: the untrained encoder's nearest neighbour." in texts(figure)
    trained = Log(log.runs, log.metrics.filter(event="eval"), log.rejected, log.warnings)
    assert "dashes" not in texts(figures(one_study(trained))["curves"])


def test_validation_and_test_share_a_scale_that_training_does_not_stretch(
    read: Callable[..., Log],
) -> None:
    training, validation, test = figures(one_study(read({})))["curves"].axes
    assert training.get_ylim()[1] > 0.9  # with the interval of its 0.8
    assert validation.get_ylim() == test.get_ylim()
    assert validation.get_ylim()[1] < 0.9


def test_the_number_of_points_stands_over_each_panel(read: Callable[..., Log]) -> None:
    log = read({})
    titles = texts(figures(one_study(log))["curves"])
    assert "training, n = 40\nvalidation, n = 16\ntest, n = 20" in titles


def test_configurations_of_unlike_numbers_of_points_are_titled_from_the_least_to_the_most(
    read: Callable[..., Log],
) -> None:
    more = {"training": 1065, "validation": 16, "test": 20}
    log = read({}, {"relu": True, "n": more})
    titles = texts(figures(one_study(log))["curves"])
    assert "training, n = 40–1,065\nvalidation, n = 16\ntest, n = 20" in titles


def test_the_real_legacy_logs_are_drawn_point_for_point(real_legacy_logs: Path) -> None:
    results = one_study(logs.read([real_legacy_logs]))
    found = figures(results)
    assert set(found) == {"curves", "convergence", "loss", "runs"}
    drawn = {
        (str(line.get_label()), panel.get_title(loc="left").split(",")[0]): list(line.get_ydata())
        for panel in found["curves"].axes
        for line in panel.get_lines()
    }
    names = {"training": "训练集", "validation": "验证集", "test": "测试集"}
    for file in real_legacy_logs.glob("*.txt"):
        text = file.read_text(encoding="utf-8")
        configuration = results.by_run.filter(run_id=file.stem)["configuration"].item()
        for split, name in names.items():
            plain = [float(v) for v in re.findall(rf"{name}top1 accuracy为([\d.]+)", text)]
            assert len(plain) == 200
            assert drawn[configuration, split] == plain


def test_configurations_that_share_axes_never_share_a_colour(read: Callable[..., Log]) -> None:
    log = read(*({"layernorm": ln, "relu": relu} for ln in (True, False) for relu in (True, False)))
    for ax in figures(one_study(log))["curves"].axes:
        lines = [line for line in ax.get_lines() if not str(line.get_label()).startswith("_")]
        assert len(lines) == len({to_hex(line.get_color()) for line in lines}) == 4
