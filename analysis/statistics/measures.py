"""Defines the measures of a run and computes them: one row a run."""

from typing import NamedTuple

import polars as pl

from analysis.schema import SPLITS
from analysis.statistics import configurations, intervals
from analysis.statistics.curves import WHOLE_EPOCHS, curves

#: Reached means at least this share of the run's own best validation top-1.
REACHED = 0.95


class Measure(NamedTuple):
    """One measure of a run: its heading, whether it is shown in percent, and its definition."""

    heading: str
    percent: bool
    definition: str


#: The measures of a run in the order of the tables; v(e) is the validation top-1 after e epochs.
MEASURES = {
    "best_validation": Measure("best validation", True, "the highest v"),
    "best_epoch": Measure("at epoch", False, "the epoch of the highest v, the first on ties"),
    "test_at_best": Measure(
        "test there",
        True,
        "test top-1 at that epoch: not the best test figure, which would be chosen on test",
    ),
    "last_validation": Measure("last validation", True, "v at the last evaluation"),
    "last_test": Measure("last test", True, "test top-1 at the last evaluation"),
    "epochs_to_95": Measure(
        "epochs to 95 %", False, "the first epoch with v at 95 % of its best or above"
    ),
    "area": Measure(
        "area",
        True,
        "area under v by the trapezoid rule over the epochs between first and last evaluation: "
        "the mean height of the curve",
    ),
    "stability": Measure(
        "stability",
        True,
        "standard deviation of v over the last tenth of the evaluations, at least three of them: "
        "the lower, the steadier",
    ),
    "gap": Measure("gap", True, "training top-1 minus v at the epoch of the highest v"),
}

#: The measures that are a share of the points of a split, so that Wilson's interval applies.
SHARES = {
    "best_validation": "validation",
    "test_at_best": "test",
    "last_validation": "validation",
    "last_test": "test",
}

#: The splits for which a run that kept leaked pairs logs top-1 over the points that share no text
#: with training.
UNSEEN_SPLITS = ("validation", "test")


def per_run(runs: pl.DataFrame, metrics: pl.DataFrame) -> pl.DataFrame:
    """Measure each run: configuration, format, variant, run_id, seed, status, counted, measures.

    `runs` and `metrics` have the columns RUNS and METRICS. The measures are those that MEASURES
    defines. Shares lie in 0 to 1 and have Wilson's interval
    in <measure>_low and <measure>_high where the number of points, n_<split>, is known. A figure
    that the log does not support is null. Where a run kept leaked pairs, the table also has
    unseen_<split>, hits_unseen_<split> and n_unseen_<split> of `UNSEEN_SPLITS`.

    `counted` says whether the run stands for its configuration: where a configuration has
    completed runs, those that did not complete are left out, and of several runs with one seed the
    longest (then the latest) counts.
    """
    v = pl.col("validation")
    at_best = v == v.max()
    v_known = v.drop_nulls()
    e_known = pl.col("epoch").filter(v.is_not_null())
    height = (v_known + v_known.shift()) / 2 * e_known.diff()
    width = e_known.last() - e_known.first()
    tail = pl.max_horizontal(pl.lit(3), (v_known.len() / 10).ceil()).cast(pl.Int64)
    measured = (
        curves(metrics)
        .group_by("run_id")
        .agg(
            last_epoch=pl.col("epoch").last(),
            best_validation=v.max(),
            best_epoch=pl.col("epoch").filter(at_best).first(),
            test_at_best=pl.col("test").filter(at_best).first(),
            last_validation=v_known.last(),
            last_test=pl.col("test").drop_nulls().last(),
            epochs_to_95=pl.col("epoch").filter(v >= REACHED * v.max()).first(),
            area=pl.when(width > 0).then(height.sum() / width),
            stability=pl.when(v_known.len() >= 3).then(v_known.tail(tail).std()),
            gap=(pl.col("training") - v).filter(at_best).first(),
            **{f"n_{split}": pl.col(f"n_{split}").drop_nulls().last() for split in SPLITS},
        )
        .with_columns(
            end.alias(f"{measure}_{side}")
            for measure, split in SHARES.items()
            for side, end in zip(
                ("low", "high"),
                intervals.wilson(pl.col(measure), pl.col(f"n_{split}")),
                strict=True,
            )
        )
    )
    identity = ("configuration", "format", "variant", "run_id", "seed", "status", "started")
    table = configurations.label(runs).select(identity).join(measured, on="run_id", how="left")
    if (unseen := _unseen(metrics)).height:
        unseen = unseen.rename({"epoch": "best_epoch"})
        table = table.join(unseen, on=["run_id", "best_epoch"], how="left")
    return (
        table.with_columns(counted=_counted())
        .sort("format", "configuration", "seed", "started", "run_id")
        .drop("started")
    )


def _unseen(metrics: pl.DataFrame) -> pl.DataFrame:
    """Read top-1 over unseen points: run_id, epoch, then share, hits and n of each split."""
    found = metrics.filter(WHOLE_EPOCHS, event="eval", metric="top1_unseen")
    share, n = pl.col("value"), pl.col("n")
    return (
        found.filter(pl.col("split").is_in(UNSEEN_SPLITS))
        .group_by("run_id", "epoch")
        .agg(
            column.filter(pl.col("split") == split).last().alias(f"{name}unseen_{split}")
            for split in UNSEEN_SPLITS
            for name, column in (
                ("", share),
                ("hits_", (share * n).round().cast(pl.Int64)),
                ("n_", n),
            )
        )
    )


def _counted() -> pl.Expr:
    """Return whether a run stands for its configuration, as `per_run` defines it."""
    completed = (pl.col("status") == "completed").fill_null(False)
    eligible = completed | ~completed.any().over("configuration")
    longest_first = pl.struct(eligible, "last_epoch", "started", "run_id").rank(
        "ordinal", descending=True
    )
    first_of_seed = longest_first.over("configuration", "seed") == 1
    return eligible & (first_of_seed | pl.col("seed").is_null())
