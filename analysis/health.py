"""What the curves of a run say about its health, each note with its epoch and its figure.

v(e) is the validation top-1 after e epochs. A *level* is the mean over a tenth of the run's
evaluations, at least three, up to an epoch: single evaluations are too noisy to judge by. A change
counts from `DROP` on, and from two points of the split where that is more: all epochs answer the
same points, so the luck of drawing them is not in a change.

note              is given where
over-fitting      the validation level ends a change below its peak while the training level ends no
                  lower than it stood there
oscillation       in the second half, at least `LONG` evaluations, v scatters by a change: the
                  standard deviation of its steps, divided by √2 because a step has two ends
plateau           over the last half of the run or more, at least `LONG` evaluations, the validation
                  level gains less than `GAIN`; not for a run that over-fits
divergence        an epoch's mean loss is at least `GROWTH` times that of the first epoch
collapse          v ends below half its best
not finite        a logged number is NaN or infinite
schedule stands   hard_ratio keeps one value over several rounds of mining though hard_ratio_step is
                  not 0
missing split     evaluations lack training, validation or test
did not end       a run log has no run_end, or one that does not say completed; a legacy log begins
                  an epoch that it does not evaluate
"""

import polars as pl

from analysis import summary
from analysis.printable import printable

DROP = 0.02
GAIN = 0.005
LONG = 5
GROWTH = 1.5

NOTES = {
    "run_id": pl.String,
    "note": pl.String,  # one of the names above
    "epoch": pl.Int32,  # where it shows; null: nowhere in particular
    "figure": pl.Float64,  # the number that decided; null where none did
    "text": pl.String,  # one sentence
}


def notes(runs: pl.DataFrame, metrics: pl.DataFrame) -> pl.DataFrame:
    """All notes on these runs (columns RUNS, METRICS): columns NOTES, in the order of the runs."""
    curves = summary.curves(metrics)
    levels = _levels(curves)
    over_fitting = _over_fitting(levels)
    found = [
        over_fitting,
        _oscillation(levels),
        _plateau(levels).join(over_fitting, on="run_id", how="anti"),
        _divergence(metrics),
        _collapse(levels),
        _not_finite(metrics),
        _schedule_stands(runs, metrics),
        *(_missing_split(runs, curves, split) for split in summary.SPLITS),
        _did_not_end(runs, curves),
        _legacy_did_not_end(runs, metrics, curves),
    ]
    columns = [pl.col(name).cast(dtype) for name, dtype in NOTES.items()]
    return (
        pl.concat([frame.select(columns) for frame in found])
        .join(runs.select("run_id").with_row_index("order"), on="run_id")
        .sort("order", "note", "epoch", maintain_order=True)
        .drop("order")
    )


def text(table: pl.DataFrame) -> str:
    """The notes as lines for a terminal."""
    lines = [
        f"{printable(run_id)}: {note}: {printable(sentence)}"
        for run_id, note, sentence in table.select("run_id", "note", "text")
        .head(summary.MOST_SHOWN)
        .iter_rows()
    ]
    if table.height > len(lines):
        lines.append(f"… and {table.height - len(lines):,} more notes in the report")
    return "\n".join([*(lines or ["Health: nothing to note."]), ""])


def _levels(curves: pl.DataFrame) -> pl.DataFrame:
    """`curves` where v is known, with training_level, validation_level, and change."""
    evaluated = curves.filter(pl.col("validation").is_not_null()).with_columns(
        window=pl.max_horizontal(3, (pl.len().over("run_id") / 10).ceil()).cast(pl.Int64),
        change=pl.max_horizontal(DROP, 2 / pl.col("n_validation")),
    )
    # A rolling mean takes one window size, so the runs go by theirs.
    by_window = [
        group.with_columns(
            pl.col(split).rolling_mean(window).over("run_id").alias(f"{split}_level")
            for split in ("training", "validation")
        )
        for (window,), group in evaluated.group_by("window")
    ]
    empty = evaluated.with_columns(
        pl.lit(None, pl.Float64).alias(f"{split}_level") for split in ("training", "validation")
    )
    return pl.concat([empty.clear(), *by_window]).sort("run_id", "epoch")


def _over_fitting(levels: pl.DataFrame) -> pl.DataFrame:
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
            change=pl.col("change").last(),
        )
        .with_columns(figure=pl.col("peak") - pl.col("end"))
        .filter(
            pl.col("figure") >= pl.col("change"), pl.col("training_end") >= pl.col("training_peak")
        )
        .with_columns(
            note=pl.lit("over-fitting"),
            text=pl.format(
                "validation falls by {} points from its level of {} % at epoch {}, "
                "while training goes from {} % to {} %",
                *map(_percent, ("figure", "peak")),
                "epoch",
                *map(_percent, ("training_peak", "training_end")),
            ),
        )
    )


def _oscillation(levels: pl.DataFrame) -> pl.DataFrame:
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


def _divergence(metrics: pl.DataFrame) -> pl.DataFrame:
    loss = pl.col("loss")
    return (
        metrics.filter((pl.col("event") == "step") & (pl.col("metric") == "loss"))
        .group_by("run_id", "epoch")
        .agg(loss=pl.col("value").filter(pl.col("value").is_finite()).mean())
        .drop_nulls()
        .sort("run_id", "epoch")
        .with_columns(first=loss.first().over("run_id"))
        .filter(loss >= GROWTH * pl.col("first"), pl.col("first") > 0)
        .unique("run_id", keep="first", maintain_order=True)
        .with_columns(
            note=pl.lit("divergence"),
            figure=loss,
            text=pl.format(
                "the mean loss of epoch {} is {}, in the first epoch it was {}",
                "epoch",
                loss.round(3),
                pl.col("first").round(3),
            ),
        )
    )


def _collapse(levels: pl.DataFrame) -> pl.DataFrame:
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


def _not_finite(metrics: pl.DataFrame) -> pl.DataFrame:
    return (
        metrics.filter(~pl.col("value").is_finite().fill_null(False))
        .group_by("run_id", "metric")
        .agg(epoch=pl.col("epoch").min(), figure=pl.len())
        .sort("run_id", "epoch", "metric")
        .with_columns(
            note=pl.lit("not finite"),
            text=pl.format(
                "{} is NaN or infinite {} times, first in epoch {}", "metric", "figure", "epoch"
            ),
        )
    )


def _schedule_stands(runs: pl.DataFrame, metrics: pl.DataFrame) -> pl.DataFrame:
    return (
        metrics.filter((pl.col("event") == "mine") & (pl.col("metric") == "hard_ratio"))
        .group_by("run_id")
        .agg(
            epoch=pl.col("epoch").max(),
            figure=pl.col("value").first(),
            values=pl.col("value").n_unique(),
            rounds=pl.len(),
        )
        .join(runs.select("run_id", "hard_ratio_step"), on="run_id")
        .filter(pl.col("values") == 1, pl.col("rounds") > 1, pl.col("hard_ratio_step") != 0)
        .with_columns(
            note=pl.lit("schedule stands"),
            text=pl.format(
                "hard_ratio is {} in all {} rounds of mining up to epoch {}, though its step is {}",
                "figure",
                "rounds",
                "epoch",
                "hard_ratio_step",
            ),
        )
    )


def _missing_split(runs: pl.DataFrame, curves: pl.DataFrame, split: str) -> pl.DataFrame:
    missing = pl.col(split).is_null()
    return (
        runs.select("run_id")
        .join(curves, on="run_id", how="left")
        .group_by("run_id")
        .agg(
            epoch=pl.col("epoch").filter(missing).first(),
            figure=missing.sum(),
            evaluations=pl.len(),
        )
        .filter(pl.col("figure") > 0)
        .with_columns(
            note=pl.lit("missing split"),
            text=pl.when(pl.col("figure") == pl.col("evaluations"))
            .then(pl.lit(f"{split} was never evaluated"))
            .otherwise(
                pl.format(
                    f"{split} is missing from {{}} of {{}} evaluations, first at epoch {{}}",
                    "figure",
                    "evaluations",
                    "epoch",
                )
            ),
        )
    )


def _did_not_end(runs: pl.DataFrame, curves: pl.DataFrame) -> pl.DataFrame:
    status, planned = pl.col("status"), pl.col("config").str.json_path_match("$.epochs")
    return (
        runs.filter(pl.col("format") != "legacy", status.ne_missing("completed"))
        .join(_last_epochs(curves), on="run_id", how="left")
        .with_columns(
            note=pl.lit("did not end"),
            figure=pl.col("epoch"),
            text=pl.format(
                "{} after epoch {} of {}{}",
                pl.when(status.is_null())
                .then(pl.lit("the log stops without a run_end"))
                .otherwise(status),
                pl.col("epoch").cast(pl.String).fill_null("–"),
                planned.fill_null("–"),
                (": " + pl.col("reason")).fill_null(""),
            ),
        )
    )


def _legacy_did_not_end(
    runs: pl.DataFrame, metrics: pl.DataFrame, curves: pl.DataFrame
) -> pl.DataFrame:
    legacy = runs.filter(pl.col("format") == "legacy").select("run_id")
    begun = metrics.filter(pl.col("event") == "step").group_by("run_id").agg(pl.col("epoch").max())
    return (
        legacy.join(begun, on="run_id")
        .join(_last_epochs(curves).rename({"epoch": "evaluated"}), on="run_id", how="left")
        # Epoch e closes with an evaluation that carries e + 1.
        .filter(pl.col("epoch") >= pl.col("evaluated").fill_null(0))
        .with_columns(
            note=pl.lit("did not end"),
            figure=pl.col("evaluated"),
            text=pl.format("the log stops within epoch {}, before its evaluation", "epoch"),
        )
    )


def _last_epochs(curves: pl.DataFrame) -> pl.DataFrame:
    return curves.group_by("run_id").agg(pl.col("epoch").max())


def _percent(column: str) -> pl.Expr:
    """A share as percent with one decimal, without the unit."""
    return (pl.col(column) * 100).round(1)
