from collections.abc import Callable

import polars as pl
from single_study import one_study

from analysis.schema import Log
from analysis.statistics.losses import LOSS_POINTS, hard_ratios, losses


def test_a_thinned_loss_keeps_every_spike_in_its_ends(read: Callable[..., Log]) -> None:
    log = read({"steps": range(1, 301)})
    spike = (pl.col("metric") == "loss") & (pl.col("step") == 137)
    metrics = log.metrics.with_columns(value=pl.when(spike).then(99.0).otherwise("value"))
    loss = losses(metrics, one_study(log).by_run).filter(pl.col("metric") == "loss")
    assert loss.height <= LOSS_POINTS
    assert loss["high"].max() == 99


def test_the_share_of_hard_negatives_is_averaged_over_runs(read: Callable[..., Log]) -> None:
    log = read({"seed": 0}, {"seed": 1})
    ratios = hard_ratios(log.metrics, one_study(log).by_run)
    assert ratios["value"].to_list() == [0.8, 0.7, 0.6, 0.5]
