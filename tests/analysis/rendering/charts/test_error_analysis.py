from collections.abc import Callable

import pytest
from chart_reading import checked, named, points
from figure_reading import INTERRUPTED
from single_study import one_study

from analysis.rendering import selection
from analysis.rendering.charts.error_analysis import error_analysis_chart
from analysis.rendering.style import styles
from analysis.schema import Log


@pytest.fixture(autouse=True)
def _small_groups_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "FEWEST", 1)


def test_a_group_of_points_is_a_row_and_a_configuration_a_mark_in_it(
    read: Callable[..., Log], answered: Callable[..., None]
) -> None:
    answered("law", "law", "sport")
    results = one_study(read(INTERRUPTED, INTERRUPTED | {"relu": True}))
    chart = error_analysis_chart(results, styles(results.by_configuration))
    panels = checked(chart)
    assert list(panels) == [
        "top-1 by domain",
        "top-1 by kind of point",
        "of the wrong answers",
    ]
    domain = panels["top-1 by domain"]
    assert domain.layout["yaxis"]["ticktext"] == ["law<br>n = 2", "sport<br>n = 1"]
    (right,), (wrong,) = (named(domain, name) for name in ("with_layernorm", "with_layernorm_relu"))
    assert [share for share, _ in points(right)] == [0.5, 1.0]
    assert [share for share, _ in points(wrong)] == [0.0, 0.0]
    assert [round(row) for _, row in points(right)] == [0, 1]
    assert right["customdata"][0][:2] == ["law", 2]
    assert chart.sentence == ("Answered on test: with_layernorm 66.7 %, with_layernorm_relu 0.0 %.")
