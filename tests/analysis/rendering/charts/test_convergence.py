from collections.abc import Callable

from chart_reading import checked, named, points
from figure_reading import scaled
from single_study import one_study

from analysis.rendering.charts.convergence import convergence_chart
from analysis.rendering.style import styles
from analysis.schema import Log


def test_each_measure_has_the_mean_with_its_interval_and_the_runs(
    read: Callable[..., Log],
) -> None:
    results = one_study(read({}, {"seed": 1, "top1": scaled(0.5)}, {"relu": True}))
    chart = convergence_chart(results, styles(results.by_configuration))
    panels = checked(chart)
    assert list(panels) == ["area", "epochs to 20 %", "test at the end"]
    (mean,) = named(panels["test at the end"], "with_layernorm")
    assert points(mean) == [(0.2625, "with_layernorm")]
    low, high = results.by_configuration["last_test_low", "last_test_high"].row(0)
    assert mean["error_x"]["array"] == [round(high - 0.2625, 5)]
    assert mean["error_x"]["arrayminus"] == [round(0.2625 - low, 5)]
    (run,) = named(panels["test at the end"], "r1")
    assert points(run) == [(0.175, "with_layernorm")]
    assert run["meta"] == {"variant": "with_layernorm", "run": "r1"}
    assert "with_layernorm_relu 28.3 %" in chart.sentence
    lines = {title: panel.layout.get("shapes") for title, panel in panels.items()}
    assert [line["x0"] for line in lines.pop("test at the end")] == [0.0]  # the untrained encoder
    assert not any(lines.values())


def test_a_measure_without_a_figure_has_no_mark(read: Callable[..., Log]) -> None:
    results = one_study(read({"top1": {"validation": [0.25], "test": [0.25]}}))
    panels = checked(convergence_chart(results, styles(results.by_configuration)))
    assert panels["area"].traces == []
    assert panels["test at the end"].traces
