"""Computes top-1 against epochs: one curve per run, and one mean with a band per configuration."""

import polars as pl

from analysis.schema import SPLITS
from analysis.statistics import intervals
from analysis.statistics.epochs import WHOLE_EPOCHS


def curves(metrics: pl.DataFrame, metric: str = "top1") -> pl.DataFrame:
    """Compute top-1 by epoch: run_id, epoch, the shares <split> and n_<split> (points).

    `metrics` has the columns METRICS. Rows are in order of run and epoch; evaluations within the
    first epoch are left out, unless `epochs.with_fractions` has placed them. A split that was not
    evaluated at an epoch is null. `metric` is 'top1' or 'head_top1', that by the pair head alone.
    """
    top1 = metrics.filter(WHOLE_EPOCHS, event="eval", metric=metric)
    of_split = {split: pl.col("split") == split for split in SPLITS}
    return (
        top1.group_by("run_id", "epoch")
        .agg(
            *(
                pl.col("value").filter(of).drop_nulls().last().alias(s)
                for s, of in of_split.items()
            ),
            *(pl.col("n").filter(of).last().alias(f"n_{s}") for s, of in of_split.items()),
        )
        .sort("run_id", "epoch")
    )


def bands(curves: pl.DataFrame, by_run: pl.DataFrame) -> pl.DataFrame:
    """Average curves over runs: configuration, split, epoch, value, low, high, runs.

    `curves` is the table of `curves`, `by_run` that of `measures.per_run`. `value` is the mean over
    the counted runs, at the epochs that all of them evaluated; `low` and `high` are the lowest and
    the highest run, or the ends of Wilson's 95 % interval where there is one run.
    """
    counted = by_run.filter("counted").select("configuration", "run_id")
    long = pl.concat(
        curves.select(
            "run_id",
            pl.lit(split).alias("split"),
            "epoch",
            pl.col(split).alias("value"),
            pl.col(f"n_{split}").alias("n"),
        )
        for split in SPLITS
    )
    low, high = intervals.wilson(pl.col("value"), pl.col("n"))
    single = pl.col("runs") == 1
    return (
        long.drop_nulls("value")
        .join(counted, on="run_id")
        .with_columns(of=pl.col("run_id").n_unique().over("configuration", "split"))
        .group_by("configuration", "split", "epoch")
        .agg(
            pl.col("value").mean(),
            lowest=pl.col("value").min(),
            highest=pl.col("value").max(),
            runs=pl.len(),
            of=pl.col("of").first(),
            n=pl.col("n").first(),
        )
        .filter(pl.col("runs") == pl.col("of"))
        .with_columns(
            low=pl.when(single).then(low).otherwise("lowest"),
            high=pl.when(single).then(high).otherwise("highest"),
        )
        .sort("configuration", "split", "epoch")
        .select("configuration", "split", "epoch", "value", "low", "high", "runs")
    )
