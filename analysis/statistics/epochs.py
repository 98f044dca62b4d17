"""Places logged values on the axis of epochs, those within an epoch at a fraction."""

import polars as pl

#: Whether an evaluation closes an epoch. Evaluations within the first epoch have epoch 0, like the
#: one before training, but a step above 0.
WHOLE_EPOCHS = (pl.col("epoch") > 0) | (pl.col("step").fill_null(0) == 0)


def with_fractions(runs: pl.DataFrame, metrics: pl.DataFrame) -> pl.DataFrame:
    """Give steps and evaluations within the first epoch the fraction of epochs done as `epoch`.

    `runs` and `metrics` have the columns RUNS and METRICS. The fraction is the steps done ÷ the
    steps of an epoch, null where the log does not tell these.
    """
    within = (pl.col("event") == "step") | ((pl.col("event") == "eval") & ~WHOLE_EPOCHS)
    # A legacy log counts the mini batches of each epoch anew, from 0.
    done = pl.when("legacy").then(pl.col("epoch") * pl.col("length") + pl.col("step") + 1)
    return (
        metrics.join(lengths(runs, metrics), on="run_id", how="left", maintain_order="left")
        .with_columns(
            epoch=pl.when(within)
            .then(done.otherwise("step") / pl.col("length"))
            .otherwise(pl.col("epoch").cast(pl.Float64))
        )
        .select(metrics.columns)
    )


def count_in_config(name: str) -> pl.Expr:
    """Read a field of the config of RUNS that is a number above 0; null where it is not."""
    value = pl.col("config").str.json_path_match(f"$.{name}").cast(pl.Int64, strict=False)
    return pl.when(value > 0).then(value)


def lengths(runs: pl.DataFrame, metrics: pl.DataFrame) -> pl.DataFrame:
    """Count the steps of an epoch of each run: run_id, length, and whether its log is legacy.

    `train` cuts the training pairs into batches of `batch_size`; the last one may be smaller. Where
    a log does not have both numbers, the last step of an epoch gives its length.
    """
    of, step, epoch = pl.col("event"), pl.col("step"), pl.col("epoch")
    told = runs.select(
        "run_id", batch=count_in_config("batch_size"), legacy=pl.col("format") == "legacy"
    )
    shown = (
        pl.when((of == "step") & pl.col("legacy"))
        .then(step + 1)
        .when(of == "step")
        .then(step / (epoch + 1))
        .when((of == "eval") & (epoch > 0))
        .then(step / epoch)
    )
    return (
        metrics.join(told, on="run_id")
        .group_by("run_id", "legacy")
        .agg(
            pairs=pl.col("n").filter(pl.col("split") == "training").max(),
            batch=pl.col("batch").first(),
            shown=shown.max().ceil(),
        )
        .select(
            "run_id",
            "legacy",
            length=pl.coalesce((pl.col("pairs") / pl.col("batch")).ceil(), "shown"),
        )
        .with_columns(
            length=pl.when(pl.col("length") > 0).then(pl.col("length").cast(pl.Int64, strict=False))
        )
    )
