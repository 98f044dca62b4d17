from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from figure_reading import BLUE, INTERRUPTED, points, texts
from single_study import one_study

from analysis.rendering import selection
from analysis.rendering.figures.collection import figures
from analysis.rendering.figures.error_analysis import plot_shares
from analysis.rendering.style import Style
from analysis.schema import Log


def test_each_group_has_a_mark_and_an_interval_for_each_configuration() -> None:
    shares = pl.DataFrame(
        {
            "configuration": ["a", "a", "b"],
            "aspect": ["domain", "leakage", "domain"],
            "group": ["law", "leaked", "law"],
            "n": [10.0, 4.0, 10.0],
            "share": [0.5, 0.25, 0.7],
            "low": [0.2, 0.1, 0.4],
            "high": [0.8, 0.6, 0.9],
        }
    )
    looks = {"a": BLUE, "b": Style("#009E73", "-", "^")}
    ax = plot_shares(shares, looks)
    assert points(ax, "a") == [(0.5, pytest.approx(-0.175)), (0.25, pytest.approx(0.825))]
    assert points(ax, "b") == [(0.7, pytest.approx(0.175))]
    bars = [segment.tolist() for bar in ax.collections for segment in bar.get_segments()]
    assert [[x for x, _ in bar] for bar in bars] == [[0.2, 0.8], [0.1, 0.6], [0.4, 0.9]]
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["law\nn = 10", "leaked\nn = 4"]


def test_predictions_beside_the_logs_add_the_picture_of_answers(
    read: Callable[..., Log], answered: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "FEWEST", 1)
    answered("law", "sport")
    log = read(INTERRUPTED, INTERRUPTED | {"relu": True})
    figure = figures(one_study(log))["error_analysis"]
    assert ": answers on test" in texts(figure)
    assert "with_layernorm\nwith_layernorm_relu" in texts(figure)
    domains, kinds, wrong = figure.axes
    names = [text.get_text() for text in domains.get_yticklabels()]
    assert names == ["law\nn = 1", "sport\nn = 1"]
    assert [x for x, _ in points(domains, "with_layernorm")] == [0, 1]
    assert [x for x, _ in points(kinds, "with_layernorm_relu")] == [0, 0]
    assert domains.get_xlim() == kinds.get_xlim()
    assert wrong.get_title(loc="left") == "of the wrong answers"


def test_rows_are_as_high_in_every_panel_of_answers(
    answered: Callable[..., None], read: Callable[..., Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "FEWEST", 1)
    answered(*(f"domain{number:02}" for number in range(9)))
    log = read(INTERRUPTED, INTERRUPTED | {"relu": True})
    figure = figures(one_study(log))["error_analysis"]
    heights = [ax.get_position().height / len(ax.get_yticks()) for ax in figure.axes if ax.lines]
    assert len(heights) == 3
    assert heights == pytest.approx([heights[0]] * 3)
    assert len({ax.get_position().y1 for ax in figure.axes}) == 1


def test_of_many_domains_the_largest_are_drawn_and_the_title_says_so(
    answered: Callable[..., None],
    read: Callable[..., Log],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(selection, "FEWEST", 1)
    monkeypatch.setattr(selection, "MOST_GROUPS", 4)
    answered("a", "b", "c", "d", "e", "e")
    log = read(INTERRUPTED, INTERRUPTED | {"relu": True})
    figure = figures(one_study(log))["error_analysis"]
    domains = figure.axes[0]
    assert domains.get_title(loc="left") == "top-1 by domain, the largest 4"
    names = [text.get_text().split("\n")[0] for text in domains.get_yticklabels()]
    assert len(names) == 4
    assert names[-1] == "e"


def test_a_run_without_any_error_has_no_panel_of_wrong_answers(
    predicted: Callable[..., pl.DataFrame],
    read: Callable[..., Log],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(selection, "FEWEST", 1)
    predicted({"law/tax/pro/01": None}).write_parquet(tmp_path / "r0.predictions.parquet")
    log = read(INTERRUPTED)
    figure = figures(one_study(log))["error_analysis"]
    assert "of the wrong answers" not in texts(figure)


def test_all_points_alone_are_no_picture_and_what_is_drawn_stands_at_the_left(
    read: Callable[..., Log], answered: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    answered("law", "sport", "culture")
    log = read(INTERRUPTED, INTERRUPTED | {"relu": True})
    monkeypatch.setattr(selection, "FEWEST", 3)  # of all points, and of the wrong answers
    kinds, wrong = figures(one_study(log))["error_analysis"].axes
    assert [ax.get_title(loc="left") for ax in (kinds, wrong)] == [
        "top-1 by kind of point",
        selection.WRONG,
    ]
    assert kinds.get_position().x0 < 0.2
    lengths = pl.int_range(pl.len()).over("run_id")
    right = log.predictions.with_columns(hit=True, point_words=lengths)
    assert "error_analysis" not in figures(one_study(replace(log, predictions=right)))


def test_the_untrained_encoder_is_a_line_beside_top1_and_not_beside_errors(
    read: Callable[..., Log], answered: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "FEWEST", 1)
    answered("law", "sport")
    log = read(INTERRUPTED, INTERRUPTED | {"relu": True})
    untrained = pl.when(event="untrained", split="test").then(0.13).otherwise("value")
    log = replace(log, metrics=log.metrics.with_columns(value=untrained))
    figure = figures(one_study(log))["error_analysis"]
    lines = [[line.get_xdata() for line in ax.get_lines()] for ax in figure.axes]
    assert [[0.13, 0.13] in map(list, found) for found in lines] == [True, True, False]
    assert "Thin dashes: the untrained encoder's nearest neighbour on all points." in texts(figure)


def test_groups_of_few_points_are_not_drawn(
    read: Callable[..., Log], answered: Callable[..., None]
) -> None:
    answered("law", "sport")
    assert "error_analysis" not in figures(
        one_study(read(INTERRUPTED, INTERRUPTED | {"relu": True}))
    )
