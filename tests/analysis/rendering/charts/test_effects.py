from collections.abc import Callable
from dataclasses import replace

import polars as pl
from chart_reading import checked, points
from single_study import one_study

from analysis.rendering import effect_text
from analysis.rendering.charts.effects import effects_chart
from analysis.rendering.selection import EFFECT_TITLES
from analysis.rendering.style import NOT_SHOWN, SHOWN
from analysis.schema import Log

BETTER, WORSE = [1, 1, 1, 1, 1, 1, 1, 0] * 4, [0, 1, 0, 0, 0, 1, 0, 0] * 4


def test_an_effect_is_a_dot_with_its_interval_and_a_shown_one_is_orange(
    experiment: Callable[..., Log],
) -> None:
    log = experiment(
        {
            (layernorm, relu): dict.fromkeys(range(4), BETTER if relu else WORSE)
            for layernorm in (False, True)
            for relu in (False, True)
        },
        clusters=range(32),
        status="failed",
    )
    results = one_study(log)
    chart = effects_chart(results)
    assert chart.sentence == effect_text.answer(results.effects)
    panels = checked(chart)
    assert list(panels) == [
        EFFECT_TITLES["test"],
        EFFECT_TITLES["area"],
    ]  # nothing was answered on validation
    (dots,) = panels["test"].traces
    assert points(dots) == [(0.0, "LayerNorm"), (62.5, "ReLU"), (0.0, "interaction")]
    assert dots["marker"]["color"] == [NOT_SHOWN, SHOWN, NOT_SHOWN]
    (relu,) = results.effects.filter(measure="test", effect="ReLU").to_dicts()
    assert dots["error_x"]["array"][1] == round(100 * (relu["high"] - relu["estimate"]), 5)
    assert dots["hovertext"][1] == f"ReLU: {effect_text.points(relu)}"
    (scale,) = {tuple(panel.layout["xaxis"]["range"]) for panel in panels.values()}
    assert scale[0] == -scale[1]


def test_a_measure_without_hubness_stands_beside_the_same_with_it(
    experiment: Callable[..., Log],
) -> None:
    log = experiment({(True, relu): {0: BETTER if relu else WORSE} for relu in (False, True)})
    told = log.predictions.with_columns(head_hit=~pl.col("hit"))
    chart = effects_chart(one_study(replace(log, predictions=told)))
    assert list(checked(chart)) == ["test", "test, without hubness", "area under the curve"]
