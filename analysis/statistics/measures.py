"""Defines the measures of a run and computes them: one row a run."""

from math import floor
from typing import NamedTuple

import polars as pl

from analysis.schema import SPLITS
from analysis.statistics import intervals
from analysis.statistics.curves import curves
from analysis.statistics.epochs import WHOLE_EPOCHS, with_fractions

#: Common targets are multiples of this top-1.
TARGET_STEP = 0.05


class Measure(NamedTuple):
    """One measure of a run: its heading, whether it is shown in percent, and its definition."""

    heading: str
    percent: bool
    definition: str


#: The measures of a run in the order of the tables; v(e) is the validation top-1 after e epochs.
#: The first two are the headline: a fixed budget, the same for all runs of a study.
MEASURES = {
    "last_validation": Measure("validation", True, "v at the last evaluation"),
    "last_test": Measure("test", True, "test top-1 at the last evaluation"),
    "best_validation": Measure("best", True, "the highest v at the end of an epoch"),
    "best_epoch": Measure("at epoch", False, "the epoch of that, the first on ties"),
    "test_at_best": Measure(
        "test there",
        True,
        "test top-1 at that epoch: not the best test figure, which would be chosen on test",
    ),
    "area": Measure(
        "area",
        True,
        "area under v by the trapezoid rule between the first and the last evaluation that all "
        "counted runs have in common, those within the first epoch included: the mean height of "
        "the curve",
    ),
    "epochs_to_target": Measure(
        "epochs to target",
        False,
        "the epoch at which v first reaches the target, interpolated between the evaluations that "
        "all counted runs have in common. The target is one for all runs of the study, by default "
        "the highest multiple of five points that all of them reach; a configuration has a figure "
        "only where all its runs reach it",
    ),
    "stability": Measure(
        "stability",
        True,
        "standard deviation of v over the last tenth of the epochs evaluated, at least three of "
        "them and no more than half: the lower, the steadier",
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


def per_run(runs: pl.DataFrame, metrics: pl.DataFrame, target: float | None = None) -> pl.DataFrame:
    """Measure each run: configuration, variant, run_id, seed, status, counted, and the measures.

    `runs` has the columns RUNS and configuration, `metrics` the columns METRICS; both are of one
    study. `target` is a share. The measures are those that MEASURES defines. Shares lie in 0 to 1
    and have Wilson's interval in <measure>_low and <measure>_high where the number of points,
    n_<split>, is known. A figure that the log does not support is null. `area_without_hubness` is
    that of the curve by the pair head alone. Where a run kept leaked pairs, the table also has
    unseen_<split>, hits_unseen_<split> and n_unseen_<split> of `UNSEEN_SPLITS`.

    `counted` says whether the run stands for its configuration: where the study has completed runs,
    those that did not complete are left out, because they had less training, and of several runs
    with one seed the longest (then the latest) counts.
    """
    v = pl.col("validation")
    at_best = v == v.max()
    v_known = v.drop_nulls()
    trained = v.filter(pl.col("epoch") > 0).drop_nulls()
    tail = pl.max_horizontal(pl.lit(3), (trained.len() / 10).ceil()).cast(pl.Int64)
    measured = (
        curves(metrics)
        .group_by("run_id")
        .agg(
            last_epoch=pl.col("epoch").last(),
            best_validation=v.max(),
            best_epoch=pl.col("epoch").filter(at_best).first(),
            test_at_best=pl.col("test").filter(at_best).first(),
            last_validation=v_known.last(),
            # Of the same evaluation: a run may be stopped between the two splits.
            last_test=pl.col("test").filter(v.is_not_null()).last(),
            stability=pl.when(trained.len() >= 6).then(trained.tail(tail).std()),
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
    identity = ("configuration", "variant", "run_id", "seed", "status", "started")
    table = runs.select(identity).join(measured, on="run_id", how="left")
    if (unseen := _unseen(metrics)).height:
        unseen = unseen.rename({"epoch": "best_epoch"})
        table = table.join(unseen, on=["run_id", "best_epoch"], how="left")
    table = table.with_columns(counted=_counted())
    placed, counted = with_fractions(runs, metrics), table.filter("counted")
    dense, alone = (
        _at_shared_epochs(curves(placed, metric), counted) for metric in ("top1", "head_top1")
    )
    if target is None:
        target = common_target(dense.join(counted, on="run_id", how="semi"))
    convergence = (
        _areas(dense),
        _epochs_to(target, dense),
        _areas(alone).rename({"area": "area_without_hubness"}),
    )
    for measure in convergence:
        table = table.join(measure, on="run_id", how="left")
    return table.sort("configuration", "seed", "started", "run_id").drop("started")


def common_target(curves: pl.DataFrame) -> float | None:
    """Find the highest multiple of `TARGET_STEP` that v reaches in every run of `curves`.

    None where a run reaches none above 0, which is there before any training.
    """
    highest = curves.group_by("run_id").agg(pl.col("validation").max())["validation"].to_list()
    return floor(min(highest, default=0) / TARGET_STEP + 1e-9) * TARGET_STEP or None


def _at_shared_epochs(curves: pl.DataFrame, counted: pl.DataFrame) -> pl.DataFrame:
    """Select the evaluations of validation at the epochs that all counted runs have.

    A line between distant evaluations lies below a curve that rises steeply at first, so that a run
    which was evaluated more often would seem to converge faster. A run with a single evaluation has
    no line, and does not limit the others.
    """
    evaluated = curves.drop_nulls("validation")
    lines = evaluated.filter(pl.len().over("run_id") > 1).join(counted, on="run_id", how="semi")
    of_all = pl.len() == lines["run_id"].n_unique()
    shared = lines.group_by("epoch").agg(of_all.alias("of_all")).filter("of_all")
    return evaluated.join(shared, on="epoch", how="semi", maintain_order="left")


def _areas(curves: pl.DataFrame) -> pl.DataFrame:
    """Compute the mean height of each run's curve on validation: run_id, area.

    Null for a run that lacks some of the epochs: the area of another span does not compare.
    """
    v, epoch = pl.col("validation"), pl.col("epoch")
    width = epoch.last() - epoch.first()
    height = ((v + v.shift()) / 2 * epoch.diff()).sum() / width
    is_whole = (width > 0) & (pl.len() == curves["epoch"].n_unique())
    return curves.group_by("run_id").agg(area=pl.when(is_whole).then(height))


def _epochs_to(target: float | None, curves: pl.DataFrame) -> pl.DataFrame:
    """Find where each run first has a share on validation: run_id, target, epochs_to_target."""
    v, epoch = pl.col("validation"), pl.col("epoch")
    reached = v >= pl.lit(target, pl.Float64) - 1e-9
    # On the straight line from the evaluation before to the first that reaches it.
    part = (pl.col("target") - v.shift()) / (v - v.shift())
    crossing = (
        pl.when(v.shift().is_null()).then(epoch).otherwise(epoch.shift() + part * epoch.diff())
    )
    return (
        curves.with_columns(target=pl.lit(target, pl.Float64))
        .group_by("run_id")
        .agg(
            pl.col("target").first(),
            epochs_to_target=crossing.filter(reached).first(),
        )
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
    eligible = completed | ~completed.any()
    longest_first = pl.struct(eligible, "last_epoch", "started", "run_id").rank(
        "ordinal", descending=True
    )
    first_of_seed = longest_first.over("configuration", "seed") == 1
    return eligible & (first_of_seed | pl.col("seed").is_null())
