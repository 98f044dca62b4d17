"""Writes summary.csv: a row a configuration, then a row a run."""

import polars as pl

from analysis.statistics.results import Results


def summary_csv(results: Results) -> str:
    """Write `by_configuration` and `by_run` as one table; `level` says which a row is of."""
    levels = {"configuration": results.by_configuration, "run": results.by_run}
    table = pl.concat(
        [table.select(pl.lit(level).alias("level"), pl.all()) for level, table in levels.items()],
        how="diagonal_relaxed",
    )
    return table.write_csv()
