from collections.abc import Callable

import polars as pl
from chart_reading import checked, named, points
from single_study import one_study

from analysis.rendering.charts.loss import loss_chart
from analysis.rendering.style import styles
from analysis.schema import Log


def test_a_configuration_has_a_panel_with_its_loss_and_the_parts_that_were_logged(
    read: Callable[..., Log],
) -> None:
    results = one_study(read({}, {"relu": True}))
    chart = loss_chart(results, styles(results.by_configuration))
    panels = checked(chart)
    assert list(panels) == ["with_layernorm", "with_layernorm_relu", "share of hard negatives"]
    panel = panels["with_layernorm"]
    assert panel.variant == "with_layernorm"
    (loss,) = named(panel, "loss")
    ours = results.losses.filter(configuration="with_layernorm", metric="loss")
    assert points(loss) == ours.select(pl.col("epoch", "value").round(5)).rows()
    assert len(named(panel, "triplet")) == 1
    assert not named(panel, "in batch")
    assert [key.text for key in chart.legend] == ["triplet", "positive pairs", "negative pairs"]


def test_what_is_mined_holds_for_its_whole_epoch(read: Callable[..., Log]) -> None:
    results = one_study(read({}))
    panel = checked(loss_chart(results, styles(results.by_configuration)))
    (ratio,) = panel["share of hard negatives"].traces
    assert points(ratio) == [(0, 0.8), (1, 0.7), (2, 0.6), (3, 0.6)]
    assert ratio["line"]["shape"] == "hv"
