"""Where a configuration is right and what its wrong answers are.

Top-1 by domain, by length of the point and by leakage; of the errors, where the wrong answer comes
from and whether it is a counter or a point. All from the predictions that `train` leaves beside its
logs, so at the best epoch of each run.
"""

from collections.abc import Sequence
from typing import Any

import polars as pl

from analysis import intervals, summary
from analysis.printable import printable

#: One row a configuration, split and group of points or errors, over its counted runs.
DIAGNOSIS = {
    "configuration": pl.String,
    "split": pl.String,
    "aspect": pl.String,  # one of ASPECTS
    "group": pl.String,
    "runs": pl.Int64,  # those with predictions for the split
    "n": pl.Float64,  # points, or errors, in the group's whole: mean over the runs
    "share": pl.Float64,  # of n, over all runs together
    "low": pl.Float64,  # Wilson's 95 % interval for n: as of a single run, because all of
    "high": pl.Float64,  # them answer the same points
}

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

#: The split that a person is shown: the first of these that has predictions.
SHOWN = ("test", "validation", "training")

HEADING = "Answers by kind of point, and what the wrong ones are, at the best epoch"
NOTATION = (
    "Top-1 by kind of point; of the wrong answers, the share of each kind. n: points or wrong "
    "answers, the mean over the runs of a configuration; intervals: Wilson's 95 % for n. Lengths "
    "are quartiles. Leaked: shares a text across the border of training and held-out splits. "
    "Theme: the domain, in another debate."
)


def diagnose(answers: pl.DataFrame, by_run: pl.DataFrame) -> pl.DataFrame:
    """The table DIAGNOSIS. `answers`: columns PREDICTIONS. `by_run`: of `summary.per_run`.

    The quartiles of length are of all distinct points of a split, so that all runs share them. Of
    several formats the newest is diagnosed alone, 'jsonl' before 'jsonl schema 1'.
    """
    place = ["configuration", "split"]
    counted = by_run.filter("counted").select("configuration", "run_id", "format")
    points = answers.filter(pl.col("split").is_in(summary.SPLITS)).join(counted, on="run_id")
    points = points.filter(pl.col("format") == pl.col("format").min())
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
    )
    runs = points.group_by(place).agg(runs=pl.col("run_id").n_unique().cast(pl.Int64))
    order = {name: number for number, name in enumerate((*summary.SPLITS, *ASPECTS, *ORIGINS))}
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
        .select(pl.col(name).cast(dtype) for name, dtype in DIAGNOSIS.items())
    )


def shown(table: pl.DataFrame, compared: list[str]) -> pl.DataFrame:
    """Of DIAGNOSIS what a person is shown: these configurations, on test, else on validation.

    Leakage is shown where there is any: else it would say again what all points say.
    """
    ours = table.filter(pl.col("configuration").is_in(compared))
    splits = set(ours["split"])
    of_split = ours.filter(pl.col("split") == next((s for s in SHOWN if s in splits), ""))
    any_leaked = (pl.col("group") == "leaked").any()
    return of_split.filter((pl.col("aspect") != "leakage") | any_leaked)


def rows(table: pl.DataFrame, whole: bool = True) -> list[list[str]]:
    """DIAGNOSIS of one split as text, headings first: a row a group, a column a configuration.

    Not `whole` leaves out the domains and the intervals, for a terminal.
    """
    names = table["configuration"].unique(maintain_order=True).to_list()
    ours = table if whole else table.filter(pl.col("aspect") != "domain")
    found = [[f"{table['split'][0]} %", "", "n", *names]]
    for (aspect, group), cells in ours.group_by("aspect", "group", maintain_order=True):
        of_name = {row["configuration"]: row for row in cells.iter_rows(named=True)}
        texts = [_cell(of_name[name], whole) if name in of_name else "–" for name in names]
        found.append([str(aspect), printable(str(group)), count(cells["n"].to_list()), *texts])
    return found


def text(table: pl.DataFrame) -> str:
    """DIAGNOSIS of one split for a terminal; nothing where there are no predictions."""
    if table.is_empty():
        return ""
    return f"{HEADING}\n\n{summary.terminal(rows(table, whole=False))}\n\n{NOTATION}\n\n"


def count(n: Sequence[float]) -> str:
    """The number of points, or from the least to the most where configurations differ; a mean over
    runs in whole points.
    """
    return "–".join(f"{end:,}" for end in sorted({round(min(n)), round(max(n))}))


def _cell(row: dict[str, Any], whole: bool) -> str:
    share, low, high = (f"{100 * row[name]:.1f}" for name in ("share", "low", "high"))
    return f"{share} [{low}, {high}]" if whole else share


def _quartiles(points: pl.DataFrame) -> pl.DataFrame:
    """Of each split the greatest lengths of its three lower quarters: split, q1, q2, q3 (words)."""
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
    """The quarter of its split that a point's length falls into, in words."""
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
    """Where an answer comes from, as ORIGINS has it: the pools of the literature draw these lines,
    so a debate that is filed in two domains counts as two.
    """

    def starts_alike(parts: int) -> pl.Expr:
        pattern = f"^((?:[^/]+/){{{parts}}})"
        return pl.col("answer").str.extract(pattern) == pl.col("pair_id").str.extract(pattern)

    side, debate, theme, elsewhere = map(pl.lit, ORIGINS)
    return (
        pl.when(starts_alike(3))
        .then(side)
        .when(starts_alike(2))
        .then(debate)
        .when(starts_alike(1))
        .then(theme)
        .otherwise(elsewhere)
    )
