from collections.abc import Callable

import polars as pl
import pytest
from chart_reading import checked
from figure_reading import INTERRUPTED
from single_study import one_study

from analysis.rendering import selection
from analysis.rendering.charts.collection import charts
from analysis.schema import Log
from analysis.statistics import results
from analysis.statistics.results import of_studies


def test_the_answer_comes_first_then_the_curves(read: Callable[..., Log]) -> None:
    found = charts(one_study(read({}, {"relu": True})))
    assert [chart.name for chart in found] == ["effects", "curves", "convergence", "loss"]
    for chart in found:
        checked(chart)
        assert chart.sentence.endswith(".")


def test_logs_without_evaluations_or_losses_have_no_such_charts(read: Callable[..., Log]) -> None:
    log = read({})
    names = {}
    for event in ("step", "eval", "pools"):
        metrics = log.metrics.filter(pl.col("event") == event)
        only = Log(log.runs, metrics, log.rejected, log.warnings)
        names[event] = [chart.name for chart in charts(one_study(only))]
    assert names == {"step": ["loss"], "eval": ["curves", "convergence"], "pools": []}


def test_runs_of_two_corpora_never_share_a_chart(read: Callable[..., Log]) -> None:
    log = read({"config": {"data_dir": "here"}}, {"config": {"data_dir": "there"}, "relu": True})
    for study, own in zip(of_studies(log), ("with_layernorm", "with_layernorm_relu"), strict=True):
        for chart in charts(study):
            named = {trace["name"] for panel in chart.panels for trace in panel.traces}
            assert named & {"with_layernorm", "with_layernorm_relu"} <= {own}


def test_of_more_configurations_than_there_is_room_for_the_first_are_drawn(
    read: Callable[..., Log], answered: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "FEWEST", 1)
    monkeypatch.setattr(results, "MOST_DRAWN", 1)
    answered("law", "sport")
    found = charts(one_study(read(INTERRUPTED, INTERRUPTED | {"relu": True})))
    assert [chart.name for chart in found][1:] == [
        "curves",
        "convergence",
        "loss",
        "error_analysis",
    ]
    for chart in found[1:]:
        assert chart.heading.endswith(", 1 of 2 configurations")
        names = {trace["name"] for panel in chart.panels for trace in panel.traces}
        assert "with_layernorm_relu" not in {panel.title for panel in chart.panels} | names
