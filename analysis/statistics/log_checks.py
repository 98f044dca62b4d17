"""Checks what a log says beside its curves: its losses, its schedule, its gaps and its end.

`curve_checks` defines the notes and takes these checks with its own. Each returns a table with the
columns of `curve_checks.CURVE_CHECKS` among others.
"""

import polars as pl

GROWTH = 1.5  # divergence: an epoch's mean loss against that of the first epoch


def divergence(metrics: pl.DataFrame) -> pl.DataFrame:
    """Note runs whose loss grows beyond that of the first epoch."""
    loss = pl.col("loss")
    return (
        metrics.filter(event="step", metric="loss")
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
                pl.col("epoch") + 1,  # a step carries the epochs completed
                loss.round(3),
                pl.col("first").round(3),
            ),
        )
    )


def not_finite(metrics: pl.DataFrame) -> pl.DataFrame:
    """Note each metric of a run that is NaN or infinite somewhere."""
    return (
        metrics.filter(~pl.col("value").is_finite().fill_null(False))
        .group_by("run_id", "metric")
        .agg(epoch=pl.col("epoch").min(), figure=pl.len())
        .sort("run_id", "epoch", "metric")
        .with_columns(
            note=pl.lit("not finite"),
            text=pl.format(
                "{} is NaN or infinite {} times, first after epoch {}", "metric", "figure", "epoch"
            ),
        )
    )


def schedule_stands(runs: pl.DataFrame, metrics: pl.DataFrame) -> pl.DataFrame:
    """Note runs whose share of hard negatives does not move though its step is not 0."""
    return (
        metrics.filter(event="mine", metric="hard_ratio")
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
            note=pl.lit("hard_ratio constant"),
            text=pl.format(
                "hard_ratio is {} in all {} rounds of mining up to epoch {}, though its step is {}",
                "figure",
                "rounds",
                "epoch",
                "hard_ratio_step",
            ),
        )
    )


def missing_split(runs: pl.DataFrame, curves: pl.DataFrame, split: str) -> pl.DataFrame:
    """Note runs of which an evaluation lacks `split`; one that goes on may be amid it."""
    missing = pl.col(split).is_null()
    return (
        runs.filter(pl.col("status").ne_missing("running"))
        .select("run_id")
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


def did_not_end(runs: pl.DataFrame, curves: pl.DataFrame) -> pl.DataFrame:
    """Note run logs that do not end with a run_end that says completed, and those still written."""
    status, planned = pl.col("status"), pl.col("config").str.json_path_match("$.epochs")
    return (
        runs.filter(pl.col("format") != "legacy", status.ne_missing("completed"))
        .join(_last_epochs(curves), on="run_id", how="left")
        .with_columns(
            note=pl.when(status == "running").then(status).otherwise(pl.lit("did not end")),
            figure=pl.col("epoch"),
            text=pl.format(
                "{} after epoch {} of {}{}",
                status.fill_null("no run_end"),
                pl.col("epoch").cast(pl.String).fill_null("–"),
                planned.fill_null("–"),
                (": " + pl.col("reason")).fill_null(""),
            ),
        )
    )


def legacy_did_not_end(
    runs: pl.DataFrame, metrics: pl.DataFrame, curves: pl.DataFrame
) -> pl.DataFrame:
    """Note legacy logs that begin an epoch which they do not evaluate."""
    legacy = runs.filter(format="legacy").select("run_id")
    begun = metrics.filter(event="step").group_by("run_id").agg(pl.col("epoch").max())
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
    """Return the last epoch that each run evaluated: run_id, epoch."""
    return curves.group_by("run_id").agg(pl.col("epoch").max())
