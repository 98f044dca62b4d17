"""Computes the loss of configurations over time, and their share of hard negatives."""

import polars as pl

#: The loss and its parts, as the log names them.
LOSSES = (
    "loss",
    "triplet_loss",
    "positive_loss",
    "negative_loss",
    "in_batch_loss",
    "listwise_loss",
)

#: Points that a loss curve is thinned to, at least one an epoch.
LOSS_POINTS = 120


def losses(metrics: pl.DataFrame, by_run: pl.DataFrame) -> pl.DataFrame:
    """Average and thin the loss: configuration, metric, epoch, value, low, high.

    `metrics` has the columns METRICS, `by_run` is the table of `measures.per_run`. Each epoch is
    cut into as many equal spans as `LOSS_POINTS` allow, at least one; `epoch` is a
    span's middle, `value` the mean of what the counted runs logged in it, and `low` and `high` the
    lowest and highest of that, so that no spike is lost.
    """
    counted = by_run.filter("counted").select("configuration", "run_id")
    steps = metrics.filter((pl.col("event") == "step") & pl.col("metric").is_in(LOSSES))
    epochs = pl.col("epoch").max().over("configuration") + 1
    spans = pl.max_horizontal(1, LOSS_POINTS // epochs)
    position = pl.int_range(pl.len()).over("run_id", "metric", "epoch")
    size = pl.len().over("run_id", "metric", "epoch")
    return (
        steps.join(counted, on="run_id")
        .sort("step", maintain_order=True)
        .with_columns(epoch=pl.col("epoch") + (position * spans // size + 0.5) / spans)
        .filter(pl.col("value").is_finite())
        .group_by("configuration", "metric", "epoch")
        .agg(
            pl.col("value").mean(),
            low=pl.col("value").min(),
            high=pl.col("value").max(),
        )
        .sort("configuration", "metric", "epoch")
    )


def hard_ratios(metrics: pl.DataFrame, by_run: pl.DataFrame) -> pl.DataFrame:
    """Average the share of hard negatives over the counted runs: configuration, epoch, value."""
    counted = by_run.filter("counted").select("configuration", "run_id")
    return (
        metrics.filter((pl.col("event") == "mine") & (pl.col("metric") == "hard_ratio"))
        .join(counted, on="run_id")
        .group_by("configuration", "epoch")
        .agg(pl.col("value").mean())
        .sort("configuration", "epoch")
    )
