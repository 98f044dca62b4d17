"""Tells where a configuration is right, and what its wrong answers are.

Top-1 by domain, by length of the point and by leakage; of the errors, where the wrong answer comes
from and whether it is a counter or a point. All from the predictions that `train` leaves beside its
logs, so at the last epoch of each run.
"""

import polars as pl

from analysis.schema import SPLITS, Column, conform, types
from analysis.statistics import intervals

#: One row a configuration, split and group of points or errors, over its counted runs.
ERROR_ANALYSIS = types(
    Column("configuration", pl.String, "name of the configuration"),
    Column("split", pl.String, "one of SPLITS"),
    Column("aspect", pl.String, "one of ASPECTS"),
    Column("group", pl.String, "group of points or of wrong answers within the aspect"),
    Column("runs", pl.Int64, "runs with predictions for the split"),
    Column("n", pl.Float64, "points, or errors, in the group's whole: mean over the runs"),
    Column("share", pl.Float64, "share of n, over all runs together"),
    Column("low", pl.Float64, "low end of Wilson's 95 % interval for n, as of a single run"),
    Column("high", pl.Float64, "its high end; all runs answer the same points, so n is theirs"),
)

#: What points and wrong answers are grouped by.
ASPECTS = (
    "all points",
    "domain",
    "length of the point",
    "leakage",
    "wrong answer from",
    "wrong answer is",
)

#: Where a wrong answer comes from, seen from the point; a debate is a title in a domain.
ORIGINS = ("same debate, same stance", "same debate, other stance", "same theme", "elsewhere")
KINDS = ("a counter", "a point")

#: Stands in a pair's name for a domain or a debate that its corpus does not tell.
NOT_TOLD = "-"

#: The split that a person is shown: the first of these that has predictions.
SHOWN = ("test", "validation", "training")


def analyse(answers: pl.DataFrame, by_run: pl.DataFrame) -> pl.DataFrame:
    """Compute the table ERROR_ANALYSIS.

    `answers` has the columns PREDICTIONS, `by_run` is the table of `measures.per_run`.

    The quartiles of length are of all distinct points of a split, so that all runs share them.
    """
    place = ["configuration", "split"]
    counted = by_run.filter("counted").select("configuration", "run_id")
    points = answers.join(counted, on="run_id")
    grouped = points.join(_quartiles(points), on="split").select(
        *place,
        "hit",
        "point_words",
        pl.lit("all").alias("all points"),
        pl.col("pair_id").str.extract("^([^/]+)").alias("domain"),
        _length().alias("length of the point"),
        pl.when("leaked").then(pl.lit("leaked")).otherwise(pl.lit("not leaked")).alias("leakage"),
    )
    of_points = (
        grouped.unpivot(
            index=[*place, "hit", "point_words"], variable_name="aspect", value_name="group"
        )
        .group_by(*place, "aspect", "group")
        .agg(n=pl.len(), count=pl.col("hit").sum(), shortest=pl.col("point_words").min())
        .filter((pl.col("aspect") != "domain") | (pl.col("group") != NOT_TOLD))
    )
    of_errors = (
        points.filter(~pl.col("hit"))
        .with_columns(origin=_origin(), kind=pl.col("answer").str.extract("([^/]+)$"))
        .group_by(place)
        .agg(
            pl.len().alias("n"),
            *((pl.col("origin") == origin).sum().alias(origin) for origin in ORIGINS),
            *((pl.col("kind") == kind.split()[1]).sum().alias(kind) for kind in KINDS),
        )
        .unpivot(index=[*place, "n"], variable_name="group", value_name="count")
        .with_columns(
            aspect=pl.when(pl.col("group").is_in(ORIGINS))
            .then(pl.lit("wrong answer from"))
            .otherwise(pl.lit("wrong answer is"))
        )
        .filter(  # no origin at all: the corpus tells no debates
            (pl.col("aspect") != "wrong answer from")
            | (pl.col("count").sum().over(*place, "aspect") > 0)
        )
    )
    runs = points.group_by(place).agg(runs=pl.col("run_id").n_unique().cast(pl.Int64))
    order = {name: number for number, name in enumerate((*SPLITS, *ASPECTS, *ORIGINS))}
    low, high = intervals.wilson(pl.col("share"), pl.col("n"))
    return (
        pl.concat([of_points, of_errors], how="diagonal_relaxed")
        .join(runs, on=place)
        .with_columns(share=pl.col("count") / pl.col("n"), n=pl.col("n") / pl.col("runs"))
        .with_columns(low=low, high=high)
        # Configurations last: where they answer different points, the groups of all keep one order.
        .sort(
            pl.col("split").replace_strict(order),
            pl.col("aspect").replace_strict(order),
            pl.when(pl.col("aspect") == "length of the point").then("shortest"),
            pl.col("group").replace_strict(order, default=None),
            "group",
            "configuration",
        )
        .pipe(conform, ERROR_ANALYSIS)
    )


def shown(table: pl.DataFrame) -> pl.DataFrame:
    """Select what a person is shown: the first split of SHOWN that there is.

    Leakage is shown where there is any: else it would say again what all points say.
    """
    splits = set(table["split"])
    of_split = table.filter(pl.col("split") == next((s for s in SHOWN if s in splits), ""))
    any_leaked = (pl.col("group") == "leaked").any()
    return of_split.filter((pl.col("aspect") != "leakage") | any_leaked)


def _quartiles(points: pl.DataFrame) -> pl.DataFrame:
    """Find the greatest lengths of the three lower quarters: split, q1, q2, q3 (words)."""
    words = pl.col("point_words")
    return (
        points.unique(["split", "pair_id"])
        .group_by("split")
        .agg(
            words.quantile(quarter / 4, "lower").cast(pl.Int64).alias(f"q{quarter}")
            for quarter in (1, 2, 3)
        )
    )


def _length() -> pl.Expr:
    """Name the quarter of its split that a point's length falls into, in words."""
    words = pl.col("point_words")
    return (
        pl.when(words <= pl.col("q1"))
        .then(pl.format("up to {} words", "q1"))
        .when(words <= pl.col("q2"))
        .then(pl.format("{} to {} words", pl.col("q1") + 1, "q2"))
        .when(words <= pl.col("q3"))
        .then(pl.format("{} to {} words", pl.col("q2") + 1, "q3"))
        .otherwise(pl.format("{} words and more", pl.col("q3") + 1))
    )


def _origin() -> pl.Expr:
    """Name where an answer comes from, one of ORIGINS; null where the debate is not told.

    The pools of the literature draw these lines, so a debate that is filed in two domains counts as
    two.
    """

    def starts_alike(parts: int) -> pl.Expr:
        pattern = f"^((?:[^/]+/){{{parts}}})"
        return pl.col("answer").str.extract(pattern) == pl.col("pair_id").str.extract(pattern)

    side, debate, theme, elsewhere = map(pl.lit, ORIGINS)
    return (
        pl.when(pl.col("pair_id").str.contains(f"^[^/]+/{NOT_TOLD}/"))
        .then(None)
        .when(starts_alike(3))
        .then(side)
        .when(starts_alike(2))
        .then(debate)
        .when(starts_alike(1))
        .then(theme)
        .otherwise(elsewhere)
    )
