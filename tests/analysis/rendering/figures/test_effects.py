"""`analysis.rendering.figures.effects`: the picture of what LayerNorm and ReLU do."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from figure_reading import drawn, texts, title
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from single_study import one_study

from analysis.rendering import effect_text
from analysis.rendering.figures.effects import (
    effects_figure,
    plot_effects,
)
from analysis.rendering.layout import lay_out_panels, new_figure
from analysis.rendering.selection import EFFECT_TITLES
from analysis.rendering.style import NOT_SHOWN, SHOWN, VARIANTS, styles
from analysis.schema import Log
from analysis.statistics.study_effects import EFFECTS

CELLS = ((False, False), (False, True), (True, False), (True, True))
THREE = ["LayerNorm", "ReLU", "interaction"]


def effect(name: str, estimate: float, **values: Any) -> dict[str, Any]:
    ends = {"low": estimate - 0.01, "high": estimate + 0.02}
    return {"measure": "test", "effect": name, "estimate": estimate} | ends | values


def dots(ax: Axes) -> list[tuple[float, float]]:
    return [
        (float(dot.get_xdata()[0]), float(dot.get_ydata()[0]))
        for dot in ax.get_lines()
        if dot.get_marker() == "o"
    ]


def names(ax: Axes) -> list[str]:
    return [label.get_text() for label in ax.get_yticklabels()]


def test_an_effect_is_a_dot_and_a_bar_in_points_and_a_shown_one_is_orange() -> None:
    rows = [effect("LayerNorm", 0.02, p_holm=0.01), effect("ReLU", -0.01, p_holm=0.2)]
    ax = plot_effects(pl.DataFrame(rows, schema=EFFECTS), ["LayerNorm", "ReLU"])
    assert dots(ax) == [(2, 0), (-1, 1)]
    bars = [bar.get_segments()[0].tolist() for bar in ax.collections]
    assert bars == [[[pytest.approx(1), 0], [4, 0]], [[-2, 1], [pytest.approx(1), 1]]]
    assert [to_hex(bar.get_color()[0]).upper() for bar in ax.collections] == [SHOWN, NOT_SHOWN]
    assert [text.get_text() for text in ax.texts] == [effect_text.points(row) for row in rows]


def test_no_effect_has_the_colour_of_a_variant() -> None:
    variants = pl.DataFrame({"configuration": VARIANTS, "variant": VARIANTS})
    colors = {look.color for look in styles(variants).values()}
    assert not colors & {SHOWN, NOT_SHOWN}


def test_an_effect_that_is_described_has_no_bar() -> None:
    row = effect("LayerNorm", 0.02, low=None, high=None)
    ax = plot_effects(pl.DataFrame([row], schema=EFFECTS), ["LayerNorm"])
    assert dots(ax) == [(2, 0)]
    assert not ax.collections


def test_the_picture_has_a_panel_a_measure_on_one_scale_around_zero_under_the_answer(
    experiment: Callable[..., Log],
) -> None:
    hits = [1, 0, 1, 1, 0, 0, 1, 0]
    log = experiment({cell: {seed: hits[seed:] for seed in (0,)} for cell in CELLS})
    on_test = log.predictions.with_columns(head_hit=~pl.col("hit"))
    on_validation = on_test.with_columns(split=pl.lit("validation"))
    results = one_study(replace(log, predictions=pl.concat([on_validation, on_test])))
    figure = effects_figure(results)
    panels = figure.axes
    without = ["validation, without hubness", "test, without hubness"]  # the logs' areas are equal
    titles = ["validation", "test", "area under the curve", *without]
    assert [ax.get_title(loc="left") for ax in panels] == titles
    places = [ax.get_position() for ax in panels]
    assert [place.x0 for place in places[3:]] == [place.x0 for place in places[:2]]
    assert len({place.y0 for place in places}) == 2
    (limits,) = {ax.get_xlim() for ax in panels}
    assert limits[0] == -limits[1]
    answer = (
        "on test, effects are described but not tested: the predictions of the variants share "
        "fewer than 3 seeds."
    )
    assert answer in " ".join(texts(figure).split())


def test_a_row_is_of_one_effect_in_every_panel(experiment: Callable[..., Log]) -> None:
    log = experiment({cell: {0: [1, 0, 1, 0], 1: [0, 0, 1, 1]} for cell in CELLS})
    three_cells = log.predictions.filter(pl.col("run_id").is_in(["r6", "r7"]).not_())
    test, area = effects_figure(one_study(replace(log, predictions=three_cells))).axes
    simple = ["LayerNorm\n(ReLU off)", "ReLU\n(LayerNorm off)"]
    assert names(test) == simple + THREE
    assert [y for _, y in dots(test)] == [0, 1]
    assert [y for _, y in dots(area)] == [2, 3, 4]


def test_what_has_no_effects_has_no_panel(experiment: Callable[..., Log]) -> None:
    log = experiment({cell: {0: None, 1: None} for cell in CELLS})
    (area,) = effects_figure(one_study(log)).axes
    assert area.get_title(loc="left") == EFFECT_TITLES["area"]
    assert names(area) == THREE
    assert [y for _, y in dots(area)] == [0, 1, 2]


@pytest.mark.parametrize("clauses", [1, 3])
def test_a_long_answer_is_broken_and_nothing_stands_in_the_way_of_it(
    experiment: Callable[..., Log], monkeypatch: pytest.MonkeyPatch, clauses: int
) -> None:
    results = one_study(experiment({cell: {0: [1, 0, 1, 0], 1: [0, 0, 1, 1]} for cell in CELLS}))
    answer = "LayerNorm (ReLU off) raises top-1 by 10.1 percentage points; " * clauses
    monkeypatch.setattr(effect_text, "answer", lambda _: answer)
    figure = drawn(effects_figure(results))
    head, note = (text.get_window_extent() for text in figure.texts)
    said = " ".join(texts(figure).split())
    assert said.startswith(f"sample corpus: l{answer[1:].strip()}")
    assert head.x1 < figure.bbox.x1
    assert head.y0 > note.y1
    assert note.y0 > max(title(ax).get_window_extent().y1 for ax in figure.axes)


def test_no_number_stands_on_the_line_at_zero() -> None:
    rows = [effect("LayerNorm", 0.103, low=-0.101, high=0.347), effect("ReLU", -0.001)]
    figure = new_figure(3.0)
    (ax, *_) = lay_out_panels(figure, 1, 3, header=1.0, title=0.4, left=2.6)
    plot_effects(pl.DataFrame(rows, schema=EFFECTS), ["LayerNorm", "ReLU"], ax)
    ax.set_xlim(-35, 35)
    drawn(figure)
    zero = ax.transData.transform((0, 0))[0]
    assert all(text.get_window_extent().x0 > zero for text in ax.texts)
