"""Pairs the answers that two runs of one seed gave to the same query."""

import polars as pl


def paired(outcomes: pl.DataFrame, one: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """Pair the queries that two runs of one seed both answered: seed, split, pair_id and more.

    `outcomes`: run_id, split, pair_id and what is to be compared, as in PREDICTIONS. `one` and
    `other`: run_id and seed of the runs to pair; a run of no known seed has no partner. The columns
    of outcomes come twice: as they are from `one`, with '_other' from `other`.
    """
    seeds = one.select("seed", "run_id").join(
        other.select("seed", pl.col("run_id").alias("run_id_other")), on="seed"
    )
    theirs = outcomes.rename({"run_id": "run_id_other"})
    return seeds.join(outcomes, on="run_id").join(
        theirs, on=["run_id_other", "split", "pair_id"], suffix="_other"
    )
