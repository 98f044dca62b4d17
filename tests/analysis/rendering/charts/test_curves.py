from collections.abc import Callable

import pytest
from chart_reading import checked, named, points
from figure_reading import scaled
from single_study import one_study

from analysis.rendering.charts import curves
from analysis.rendering.charts.chart import Chart
from analysis.rendering.style import styles
from analysis.schema import Log


def charted(log: Log) -> Chart:
    results = one_study(log)
    return curves.curves_chart(results, styles(results.by_configuration))


def test_a_configuration_has_a_line_and_each_of_its_runs_a_thin_one(
    read: Callable[..., Log],
) -> None:
    chart = charted(read({}, {"seed": 1, "top1": scaled(0.5)}))
    panels = checked(chart)
    assert list(panels) == ["training, n = 40", "validation, n = 16", "test, n = 20"]
    validation = panels["validation, n = 16"]
    (mean,) = named(validation, "with_layernorm")
    assert points(mean) == [(0, 0.0), (1, 0.225), (2, 0.3), (3, 0.225)]
    assert mean["customdata"][1] == [0.15, 0.3]
    assert mean["meta"] == {"variant": "with_layernorm", "run": None}
    (second,) = named(validation, "r1")
    assert points(second) == [(0, 0.0), (1, 0.15), (2, 0.2), (3, 0.15)]
    assert second["meta"] == {"variant": "with_layernorm", "run": "r1"}
    assert second["line"]["width"] < mean["line"]["width"]
    assert chart.sentence == "At the end on validation (test): with_layernorm 22.5 % (26.2 %)."


def test_a_single_run_is_the_line_itself_with_its_interval(read: Callable[..., Log]) -> None:
    panel = checked(charted(read({})))["test, n = 20"]
    shade, line = named(panel, "with_layernorm")
    assert shade["fill"] == "toself"
    assert len(shade["x"]) == 2 * len(line["x"])
    assert line["meta"]["run"] == "r0"
    assert not named(panel, "r0")
    assert "95 % interval" in line["hovertemplate"]


def test_a_run_that_does_not_count_leaves_the_other_a_single_run(read: Callable[..., Log]) -> None:
    chart = charted(read({}, {"seed": 1, "status": None}))
    panel = checked(chart)["test, n = 20"]
    shade, line = named(panel, "with_layernorm")
    assert shade["fill"] == "toself"
    assert line["meta"]["run"] == "r0"
    assert "mean of" not in line["hovertemplate"]
    assert not named(panel, "r1")
    assert "single runs" not in chart.note


def test_the_untrained_encoder_is_a_level_line(read: Callable[..., Log]) -> None:
    panel = checked(charted(read({})))["validation, n = 16"]
    (level,) = named(panel, "untrained encoder")
    assert points(level) == [(0, 0.0), (3.0, 0.0)]


def test_held_out_splits_have_one_scale(read: Callable[..., Log]) -> None:
    training, validation, test = checked(charted(read({}))).values()
    scale = [panel.layout["yaxis"]["range"] for panel in (training, validation, test)]
    assert scale[1] == scale[2] != scale[0]


def test_of_too_many_runs_the_configurations_alone_are_drawn(
    read: Callable[..., Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curves, "MOST_LINES", 1)
    chart = charted(read({}, {"seed": 1}))
    assert not named(checked(chart)["test, n = 20"], "r0")
    assert "single runs" not in chart.note
