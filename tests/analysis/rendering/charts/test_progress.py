from collections.abc import Callable

from chart_reading import checked, named, points

from analysis.rendering.charts import progress as charted
from analysis.rendering.charts.chart import Chart
from analysis.schema import Log
from analysis.statistics.epochs import with_fractions
from analysis.statistics.progress import progress


def chart_of(log: Log) -> Chart:
    placed = with_fractions(log.runs, log.metrics)
    return charted.progress_chart(progress(log.runs, log.metrics), placed)


def test_each_run_has_its_line_in_the_colour_of_its_variant(read: Callable[..., Log]) -> None:
    log = read({}, {"relu": True}, config={"batch_size": 2}, steps=(10, 20))
    chart = chart_of(log)
    panel = checked(chart)["loss"]
    (line,) = named(panel, "r0")
    assert points(line)[:2] == [(0.5, 2.0), (1.0, 2.0)]
    assert line["meta"] == {"variant": "with_layernorm"}
    assert line["line"]["color"] != named(panel, "r1")[0]["line"]["color"]
    assert chart.sentence == "The loss now: r0 1.07, r1 1.07."


def test_a_long_line_is_thinned(read: Callable[..., Log]) -> None:
    log = read({}, steps=tuple(range(1, 600)))
    chart = chart_of(log)
    assert len(chart.panels[0].traces[0]["x"]) <= charted.POINTS
