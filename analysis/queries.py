"""The queries that one configuration answers and another does not.

Compared are the configurations that the verdicts compare, on validation and test, over the seeds
that both have predictions for. A query counts where one side answers it in *every* shared seed and
the other in none: what depends on the seed says nothing about a configuration.
"""

from itertools import combinations

import polars as pl

from analysis import predictions, summary, verdict

#: One row a pair of configurations and a query that both have predictions for.
QUERIES = {
    "split": pl.String,
    "pair_id": pl.String,
    "first": pl.String,  # configuration
    "second": pl.String,
    "seeds": pl.Int64,  # shared seeds that answered it
    "first_hits": pl.Int64,  # of them, those in which it was answered right
    "second_hits": pl.Int64,
    "first_answer": pl.String,  # in the first shared seed
    "second_answer": pl.String,
}

HEADING = "Queries that one configuration answers in every shared seed and the other in none"


def compare(answers: pl.DataFrame, by_run: pl.DataFrame) -> pl.DataFrame:
    """The table QUERIES. `answers`: columns PREDICTIONS. `by_run`: of `summary.per_run`."""
    counted = by_run.filter("counted")
    held_out = answers.filter(pl.col("split").is_in(summary.SPLITS[1:]))
    found = [pl.DataFrame(schema=QUERIES)]
    for _, ours in counted.group_by("format", maintain_order=True):
        for first, second in combinations(verdict.compared(ours), 2):
            one, other = (ours.filter(pl.col("configuration") == name) for name in (first, second))
            found.append(
                predictions.paired(held_out, one, other)
                .sort("seed")
                .group_by("split", "pair_id")
                .agg(
                    pl.lit(first).alias("first"),
                    pl.lit(second).alias("second"),
                    pl.len().cast(pl.Int64).alias("seeds"),
                    pl.col("hit").sum().cast(pl.Int64).alias("first_hits"),
                    pl.col("hit_other").sum().cast(pl.Int64).alias("second_hits"),
                    pl.col("answer").first().alias("first_answer"),
                    pl.col("answer_other").first().alias("second_answer"),
                )
                .sort("split", "pair_id")
            )
    return pl.concat(found)


def differing(table: pl.DataFrame) -> pl.DataFrame:
    """Of QUERIES those that one side alone answers: split, answered_by, missed_by, pair_id, seeds,
    and wrong_answer, what the other side answered instead in the first shared seed.
    """
    sides = (("first", "second"), ("second", "first"))
    return pl.concat(
        table.filter(_alone(side, other)).select(
            "split",
            pl.col(side).alias("answered_by"),
            pl.col(other).alias("missed_by"),
            "pair_id",
            "seeds",
            pl.col(f"{other}_answer").alias("wrong_answer"),
        )
        for side, other in sides
    ).sort("split", "answered_by", "missed_by", "pair_id")


def rows(table: pl.DataFrame) -> list[list[str]]:
    """QUERIES counted, as text, headings first: a row a split and pair of configurations."""
    counts = (
        table.group_by("split", "first", "second", maintain_order=True)
        .agg(
            seeds=pl.col("seeds").max(),
            queries=pl.len(),
            first_alone=_alone("first", "second").sum(),
            second_alone=_alone("second", "first").sum(),
        )
        .sort(pl.col("split") == "test", maintain_order=True)
    )
    heads = ["split", "first", "second", "shared seeds", "queries", "first alone", "second alone"]
    return [heads] + [list(map(str, row)) for row in counts.rows()]


def text(table: pl.DataFrame) -> str:
    """QUERIES counted for a terminal, those of test where it has any; '' for none."""
    if table.is_empty():
        return ""
    of_test = table.filter(pl.col("split") == "test")
    return f"{HEADING}\n\n{summary.terminal(rows(of_test if of_test.height else table))}\n\n"


def _alone(side: str, other: str) -> pl.Expr:
    return (pl.col(f"{side}_hits") == pl.col("seeds")) & (pl.col(f"{other}_hits") == 0)
