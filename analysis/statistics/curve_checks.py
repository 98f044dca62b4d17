"""Checks the curves and the log of each run for what went wrong, and notes what it finds.

v(e) is the validation top-1 after e epochs. A *level* is the mean over an eighth of the run's
evaluations, from three to ten of them, up to an epoch: single evaluations are too noisy to judge
by. The *scatter* is the mean standard deviation of v within these windows, over the second half.
Fewer than `SCATTER_FROM` evaluations do not tell the scatter: each is a level of its own.

A change counts from `DROP` on, and from two points of the split where that is more. A fall counts
where it also exceeds what chance explains, so many standard errors:

OF_LEVELS         between two levels, by the scatter
OF_BEST           from the best of a few values to the last, by the number of points
OF_VALUES         between two values, by the number of points, or by the scatter where that is more

`log_checks` has the checks that judge no curve.

note              is given where
over-fitting      the validation level falls from its peak to its end, while the training level ends
                  no lower than it stood there
below start       v ends below its value before training, or, without hubness, below the
                  untrained encoder's
oscillation       in the second half, at least `LONG` evaluations, v scatters by a change: the
                  standard deviation of its steps, divided by √2 because a step has two ends
plateau           over the last half of the run or more, at least `LONG` evaluations, the validation
                  level gains less than `GAIN`; not for a run that over-fits
divergence        an epoch's mean loss is at least `GROWTH` times that of the first epoch
collapse          v ends below half its best
not finite        a logged number is NaN or infinite
hard_ratio constant
                  it has one value in several rounds of mining though hard_ratio_step is not 0
missing split     evaluations lack training, validation or test
running           a run log has no run_end yet
did not end       a run log has no run_end and is not written any more, or one that does not say
                  completed; a legacy log begins an epoch that it does not evaluate
"""

import polars as pl

from analysis.schema import SPLITS, Column, conform, types
from analysis.statistics import log_checks
from analysis.statistics.curves import curves
from analysis.statistics.epochs import WHOLE_EPOCHS
from analysis.statistics.intervals import DESIGN_EFFECT

DROP = 0.02
GAIN = 0.005
LONG = 5
SCATTER_FROM = 8
# The least that hold false alarms below 5 % on flat curves with noise of up to two points, of which
# neighbouring evaluations correlate by up to 0.3: see tests/benchmarks/bench_curve_checks.py.
OF_LEVELS = 4.3
OF_BEST = 3.3
OF_VALUES = 2.4

#: One row a finding.
CURVE_CHECKS = types(
    Column("run_id", pl.String, "as in RUNS"),
    Column("note", pl.String, "one of the names above"),
    Column("epoch", pl.Int32, "where it shows; null: nowhere in particular"),
    Column("figure", pl.Float64, "the number that decided; null where none did"),
    Column("text", pl.String, "one sentence"),
)


def check(runs: pl.DataFrame, metrics: pl.DataFrame) -> pl.DataFrame:
    """Check runs (columns RUNS, METRICS): columns CURVE_CHECKS, in the order of the runs."""
    by_epoch = curves(metrics)
    levels = _levels(by_epoch)
    over_fitting = _over_fitting(levels)
    found = [
        over_fitting,
        _below_start(levels, metrics),
        _oscillation(levels),
        _plateau(levels).join(over_fitting, on="run_id", how="anti"),
        log_checks.divergence(metrics),
        _collapse(levels),
        log_checks.not_finite(metrics),
        log_checks.schedule_stands(runs, metrics),
        *(log_checks.missing_split(runs, by_epoch, split) for split in SPLITS),
        log_checks.did_not_end(runs, by_epoch),
        log_checks.legacy_did_not_end(runs, metrics, by_epoch),
    ]
    return (
        pl.concat([conform(frame, CURVE_CHECKS) for frame in found])
        .join(runs.select("run_id").with_row_index("order"), on="run_id")
        .sort("order", "note", "epoch", maintain_order=True)
        .drop("order")
    )


def _levels(curves: pl.DataFrame) -> pl.DataFrame:
    """Add window, change, training_level, validation_level and scatter, where v is known."""
    evaluations = pl.len().over("run_id")
    evaluated = curves.filter(pl.col("validation").is_not_null()).with_columns(
        window=pl.when(evaluations < SCATTER_FROM)
        .then(1)
        .otherwise((evaluations / 8).ceil().clip(3, 10))
        .cast(pl.Int64),
        change=pl.max_horizontal(DROP, 2 / pl.col("n_validation")),
    )
    # A rolling mean takes one window size, so the runs go by theirs.
    by_window = [
        group.with_columns(
            *(
                pl.col(split).rolling_mean(window).over("run_id").alias(f"{split}_level")
                for split in ("training", "validation")
            ),
            # The later half: the climb of the first epochs is no scatter.
            scatter=pl.col("validation")
            .rolling_std(window)
            .tail(pl.len() // 2)
            .mean()
            .over("run_id"),
        )
        for (window,), group in evaluated.group_by("window")
    ]
    empty = evaluated.with_columns(
        pl.lit(None, pl.Float64).alias(name)
        for name in ("training_level", "validation_level", "scatter")
    )
    return pl.concat([empty.clear(), *by_window]).sort("run_id", "epoch")


def _over_fitting(levels: pl.DataFrame) -> pl.DataFrame:
    """Note runs whose validation falls while training does not."""
    level, training = pl.col("validation_level"), pl.col("training_level")
    at_peak = level == level.max()
    return (
        levels.group_by("run_id")
        .agg(
            epoch=pl.col("epoch").filter(at_peak).first(),
            peak=level.max(),
            end=level.last(),
            training_peak=training.filter(at_peak).first(),
            training_end=training.last(),
            n=pl.col("n_validation").last(),
            change=pl.col("change").last(),
            window=pl.col("window").last(),
            scatter=pl.col("scatter").last(),
        )
        .with_columns(
            figure=pl.col("peak") - pl.col("end"),
            chance=pl.when(pl.col("window") == 1)
            .then(OF_BEST * _error("peak", "end"))
            .otherwise(OF_LEVELS * pl.col("scatter") * (2 / pl.col("window")).sqrt()),
        )
        .filter(
            pl.col("figure") >= pl.col("change"),
            pl.col("figure") >= pl.col("chance"),
            pl.col("training_end") >= pl.col("training_peak"),
        )
        .with_columns(
            note=pl.lit("over-fitting"),
            text=pl.format(
                "validation falls by {} points from its level of {} % at epoch {}, where chance "
                "explains {}, while training goes from {} % to {} %",
                *map(_percent, ("figure", "peak")),
                "epoch",
                *map(_percent, ("chance", "training_peak", "training_end")),
            ),
        )
    )


def _below_start(levels: pl.DataFrame, metrics: pl.DataFrame) -> pl.DataFrame:
    """Note runs that end below where they began, or below the encoder without training.

    That one is without hubness, so the end that is compared with it is the pair head's own.
    """
    untrained = metrics.filter(event="untrained", split="validation", metric="top1")
    alone = metrics.filter(WHOLE_EPOCHS, event="eval", split="validation", metric="head_top1")
    ends = levels.group_by("run_id").agg(
        pl.col("epoch", "change", "scatter").last(),
        end=pl.col("validation").last(),
        n=pl.col("n_validation").last(),
    )
    ends_alone = ends.join(
        alone.select("run_id", "epoch", alone="value"), on=["run_id", "epoch"], how="left"
    ).with_columns(end=pl.coalesce(pl.col("alone"), "end"))
    before = levels.filter(epoch=0).select("run_id", start="validation")
    compared = {
        "it had before training": ends.join(before, on="run_id"),
        "of the untrained encoder, both without hubness": ends_alone.drop("alone").join(
            untrained.select("run_id", start="value"), on="run_id"
        ),
    }
    return (
        pl.concat(pairs.with_columns(of=pl.lit(of)) for of, pairs in compared.items())
        .with_columns(
            figure=pl.col("start") - pl.col("end"),
            chance=OF_VALUES
            * pl.max_horizontal(_error("start", "end"), pl.col("scatter") * 2**0.5),
        )
        .filter(
            pl.col("epoch") > 0,
            pl.col("figure") >= pl.col("change"),
            pl.col("figure") >= pl.col("chance"),
        )
        # One sentence a run, about the deeper fall.
        .sort("figure", descending=True)
        .unique("run_id", keep="first", maintain_order=True)
        .with_columns(
            note=pl.lit("below start"),
            text=pl.format(
                "validation ends at {} % at epoch {}, {} points below the {} % {}, where chance "
                "explains {}",
                _percent("end"),
                "epoch",
                *map(_percent, ("figure", "start")),
                "of",
                _percent("chance"),
            ),
        )
    )


def _error(one: str, other: str) -> pl.Expr:
    """Return the standard error of the difference of two shares of `n` points each."""
    variance = sum(pl.col(share) * (1 - pl.col(share)) for share in (one, other))
    return (DESIGN_EFFECT * variance / pl.col("n")).sqrt()


def _oscillation(levels: pl.DataFrame) -> pl.DataFrame:
    """Note runs whose validation scatters in the second half."""
    # The later half: the climb of the first epochs is no oscillation.
    half = pl.col("validation").tail(pl.len() // 2)
    step = half.diff()
    widest = step.abs() == step.abs().max()
    return (
        levels.group_by("run_id")
        .agg(
            figure=step.std() / 2**0.5,
            evaluations=half.len(),
            epoch=pl.col("epoch").tail(pl.len() // 2).filter(widest).first(),
            jump=step.filter(widest).first(),
            change=pl.col("change").last(),
        )
        .filter(pl.col("figure") >= pl.col("change"), pl.col("evaluations") >= LONG)
        .with_columns(
            note=pl.lit("oscillation"),
            text=pl.format(
                "validation scatters by {} points over the second half; the widest step is {} "
                "points at epoch {}",
                _percent("figure"),
                _percent("jump"),
                "epoch",
            ),
        )
    )


def _plateau(levels: pl.DataFrame) -> pl.DataFrame:
    """Note runs whose validation gains nothing for half of the run."""
    level = pl.col("validation_level")
    reached = (level >= level.max() - GAIN).fill_null(False)
    return (
        levels.group_by("run_id")
        .agg(
            epoch=pl.col("epoch").filter(reached).first(),
            last=pl.col("epoch").last(),
            start=level.filter(reached).first(),
            figure=level.max() - level.filter(reached).first(),
            after=pl.len() - 1 - reached.arg_max(),
            evaluations=pl.len(),
        )
        .filter(pl.col("after") >= LONG, pl.col("after") * 2 >= pl.col("evaluations"))
        .with_columns(
            note=pl.lit("plateau"),
            text=pl.format(
                "validation stands at a level of {} % from epoch {} and gains {} points up to "
                "epoch {}",
                _percent("start"),
                "epoch",
                _percent("figure"),
                "last",
            ),
        )
    )


def _collapse(levels: pl.DataFrame) -> pl.DataFrame:
    """Note runs whose validation ends below half its best."""
    v = pl.col("validation")
    return (
        levels.group_by("run_id")
        .agg(epoch=pl.col("epoch").last(), figure=v.last(), best=v.max())
        .filter(pl.col("figure") < pl.col("best") / 2)
        .with_columns(
            note=pl.lit("collapse"),
            text=pl.format(
                "validation ends at {} % at epoch {}, its best was {} %",
                _percent("figure"),
                "epoch",
                _percent("best"),
            ),
        )
    )


def _percent(column: str) -> pl.Expr:
    """Return a share in percent with one decimal, without the unit."""
    return (pl.col(column) * 100).round(1)
