"""Averages the measures of the runs of each configuration: one row a configuration."""

import polars as pl

from analysis.schema import SPLITS
from analysis.statistics import intervals
from analysis.statistics.measures import MEASURES, SHARES


def per_configuration(by_run: pl.DataFrame) -> pl.DataFrame:
    """Average the counted runs of each configuration, from the table of `measures.per_run`.

    Columns: configuration, variant, runs (counted), left_out (runs), seeds (text),
    n_<split>, target and, for each measure, its mean, <measure>_sd (n − 1), and the 95 % interval
    <measure>_low and <measure>_high: Student's over several runs, Wilson's for the shares of a
    single run.
    """
    # If only some runs reach the target, a mean over these would flatter their configuration.
    reached = pl.col("epochs_to_target").is_not_null().all().over("configuration")
    counted = by_run.filter("counted").with_columns(
        epochs_to_target=pl.when(reached).then("epochs_to_target")
    )
    table = counted.group_by("configuration", "variant", maintain_order=True).agg(
        pl.len().alias("runs"),
        pl.col("seed").drop_nulls().cast(pl.String).str.join(" ").alias("seeds"),
        *(pl.col(f"n_{split}").min() for split in SPLITS),
        pl.col("target").first(),
        *(pl.col(name).cast(pl.Float64).mean() for name in MEASURES),
        *(pl.col(name).cast(pl.Float64).std().alias(f"{name}_sd") for name in MEASURES),
        *(pl.col(name).count().alias(f"{name}_count") for name in MEASURES),
        *(pl.col(f"{name}_{side}").first() for name in SHARES for side in ("low", "high")),
    )
    left_out = by_run.group_by("configuration").agg(left_out=(~pl.col("counted")).sum())
    return (
        table.join(left_out, on="configuration", how="left", maintain_order="left")
        .with_columns(end for measure in MEASURES for end in _interval(measure))
        .drop(f"{measure}_count" for measure in MEASURES)
    )


def _interval(measure: str) -> list[pl.Expr]:
    """Return the interval columns of one measure in the table of `per_configuration`."""
    mean, sd, count = (pl.col(f"{measure}{suffix}") for suffix in ("", "_sd", "_count"))
    share = measure in SHARES
    ends = []
    for side, end in zip(("low", "high"), intervals.student(mean, sd, count), strict=True):
        of_one = pl.col(f"{measure}_{side}") if share else None
        # A difference of two shares may be below 0, unlike the others.
        of_several = end if measure == "gap" else end.clip(0, 1) if share else end.clip(0)
        ends.append(
            pl.when(count > 1).then(of_several).otherwise(of_one).alias(f"{measure}_{side}")
        )
    return ends
