"""Averages top-1 in each of the eight candidate pools: rows of configuration and split."""

import polars as pl

from analysis.schema import POOLS, SPLITS


def pools(by_run: pl.DataFrame, metrics: pl.DataFrame) -> pl.DataFrame:
    """Average top-1 in each pool: configuration, split, n, and a mean share for each of POOLS.

    `by_run` is the table of `measures.per_run`, `metrics` has the columns METRICS. Means
    are over the counted runs that logged pools; where none did there are no rows.
    """
    return (
        metrics.filter(event="pools")
        .join(by_run.filter("counted").select("configuration", "run_id"), on="run_id")
        .group_by("configuration", "split")
        .agg(
            pl.col("n").min(),
            *(
                pl.col("value").filter(pl.col("metric") == f"top1_{pool}").mean().alias(pool)
                for pool in POOLS
            ),
        )
        .sort("configuration", pl.col("split").replace_strict(SPLITS, range(3)))
    )
