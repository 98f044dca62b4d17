"""Arranges the values of a run as series over optimiser steps, as other tools expect them."""

import polars as pl

#: Event → what precedes its metrics in the name of a series.
PREFIXES = {"step": "train/", "mine": "mine/", "untrained": "untrained_"}


def scalars(metrics: pl.DataFrame, of_legacy: bool = False) -> pl.DataFrame:
    """Arrange the rows of METRICS of one run as tag, step, value, in the order of the log.

    A tag is 'train/loss' or 'top1/validation'. `step` is the number of optimiser steps done: a
    record that names the epoch alone stands at the last step before it, and a legacy log counts
    the steps of each epoch anew.
    """
    logged, epoch = metrics.filter(event="step"), pl.col("epoch")
    if of_legacy:
        length = (logged.select(pl.col("step").max()).item() or 0) + 1
        step = epoch * length + pl.col("step").fill_null(0)
    else:
        ends = logged.group_by(epoch + 1).agg(end=pl.col("step").max())
        metrics = metrics.join(ends, on="epoch", how="left", maintain_order="left")
        step = pl.coalesce("step", "end", pl.lit(0))
    prefix = pl.col("event").replace_strict(PREFIXES, default="")
    split = pl.format("/{}", "split").fill_null("")
    return metrics.select(tag=prefix + pl.col("metric") + split, step=step, value="value")
