from collections.abc import Callable
from dataclasses import replace

import polars as pl
import pytest
from figure_reading import INTERRUPTED, line, points, texts
from matplotlib.colors import to_hex
from single_study import one_study

from analysis.rendering import selection
from analysis.rendering.figures.collection import figures
from analysis.schema import Log
from analysis.statistics import results
from analysis.statistics.results import of_studies


def test_a_configuration_has_one_colour_in_every_picture(read: Callable[..., Log]) -> None:
    log = read({}, {"relu": True})
    found = figures(one_study(log))
    for panel in found["curves"].axes:
        assert to_hex(line(panel, "with_layernorm").get_color()) == "#e69f00"
        assert to_hex(line(panel, "with_layernorm_relu").get_color()) == "#0072b2"
    for panel in found["convergence"].axes:
        assert to_hex(line(panel, "with_layernorm").get_color()) == "#e69f00"
    titles = {ax.get_title(loc="left"): ax for name in ("runs", "loss") for ax in found[name].axes}
    assert to_hex(line(titles["with_layernorm"], "loss").get_color()) == "#e69f00"
    run = next(ax for ax in found["runs"].axes if ax.get_title(loc="left") == "with_layernorm")
    assert to_hex(line(run, "validation").get_color()) == "#e69f00"


def test_a_run_that_does_not_count_is_drawn_among_the_single_runs_alone(
    read: Callable[..., Log],
) -> None:
    found = figures(one_study(read({}, {"relu": True, "status": None})))
    titles = {ax.get_title(loc="left"): ax for ax in found["runs"].axes}
    assert to_hex(line(titles["with_layernorm_relu"], "validation").get_color()) == "#0072b2"
    for panel in (*found["curves"].axes, *found["convergence"].axes):
        assert panel.get_legend_handles_labels()[1] == ["with_layernorm"]


def test_an_evaluation_within_the_first_epoch_is_drawn_there_without_a_star(
    read: Callable[..., Log],
) -> None:
    log = read({"within": (0.9, 0.95, 0.85), "steps": (4, 8)})
    found = figures(one_study(log))
    (run,) = found["runs"].axes
    within = [(0.25, 0.9), (0.5, 0.95), (0.75, 0.85)]
    assert points(run, "test") == [(0, 0.0), *within, (1, 0.5), (2, 0.3), (3, 0.35)]
    assert points(run, "best validation") == [(2, 0.4)]
    compared = found["curves"].axes[0]
    assert points(compared, "with_layernorm")[1:4] == within


def test_an_untrained_encoder_without_a_figure_is_in_no_picture(
    read: Callable[..., Log], answered: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "FEWEST", 1)
    answered("law", "sport")
    log = read(INTERRUPTED, INTERRUPTED | {"relu": True})
    not_finite = pl.when(pl.col("event") != "untrained").then("value")
    found = figures(one_study(replace(log, metrics=log.metrics.with_columns(value=not_finite))))
    assert {"curves", "convergence", "error_analysis", "runs"} <= found.keys()
    assert not any("ntrained" in texts(figure) for figure in found.values())


def test_logs_without_evaluations_or_losses_have_no_such_pictures(read: Callable[..., Log]) -> None:
    log = read({})
    only = {
        event: Log(
            log.runs, log.metrics.filter(pl.col("event") == event), log.rejected, log.warnings
        )
        for event in ("step", "eval", "pools")
    }
    names = {event: set(figures(one_study(log))) for event, log in only.items()}
    assert names["step"] == {"loss"}
    assert names["eval"] == {"curves", "convergence", "runs"}
    assert names["pools"] == set()


def test_runs_of_two_corpora_never_share_a_picture(read: Callable[..., Log]) -> None:
    log = read({"config": {"data_dir": "here"}}, {"config": {"data_dir": "there"}, "relu": True})
    one, other = of_studies(log)
    for study, own in ((one, "with_layernorm"), (other, "with_layernorm_relu")):
        for figure in figures(study).values():
            labels = {text for ax in figure.axes for text in ax.get_legend_handles_labels()[1]}
            assert labels & {"with_layernorm", "with_layernorm_relu"} <= {own}
            assert figure.texts[0].get_text().startswith(study.study.name)


def test_of_many_configurations_some_are_drawn_and_the_heading_says_so(
    read: Callable[..., Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "MOST_DRAWN", 2)
    log = read({}, {"relu": True}, {"layernorm": False})
    found = figures(one_study(log))
    for name in ("curves", "convergence", "loss"):
        figure = found[name]
        assert figure.texts[0].get_text().endswith(", 2 of 3 configurations")
        drawn = {text for ax in figure.axes for text in ax.get_legend_handles_labels()[1]}
        drawn |= {ax.get_title(loc="left") for ax in figure.axes}
        assert "with_relu" not in drawn
        assert "with_layernorm" in drawn


def test_one_evaluation_and_one_logged_step_are_seen(read: Callable[..., Log]) -> None:
    log = read({"steps": (10,)})
    first = (pl.col("epoch") == 0) & pl.col("event").is_in(["eval", "step"])
    log = Log(log.runs, log.metrics.filter(first), log.rejected, log.warnings)
    found = figures(one_study(log))
    for name, label in (("curves", "with_layernorm"), ("runs", "training"), ("loss", "loss")):
        for ax in found[name].axes:
            assert line(ax, label).get_marker() not in ("None", "", None), name
            assert len(line(ax, label).get_xdata()) == 1
    (shape,) = found["curves"].axes[0].collections
    assert shape.get_linewidth()[0] > 0  # the interval of one point has no width of its own
