"""Computes the loss of configurations over time, and their share of hard negatives."""

import polars as pl

from analysis.statistics.epochs import with_fractions

#: Part of the loss → the config field with its weight; one that a config does not have is 1.
WEIGHTS = {
    "triplet_loss": "triplet_weight",
    "positive_loss": "triplet_weight",
    "negative_loss": "triplet_weight",
    "in_batch_loss": "in_batch_weight",
    "listwise_loss": "listwise_weight",
}

#: Points that a loss curve is thinned to, at least one an epoch.
LOSS_POINTS = 120


def losses(runs: pl.DataFrame, metrics: pl.DataFrame, by_run: pl.DataFrame) -> pl.DataFrame:
    """Average and thin the loss: configuration, metric, epoch, value, low, high.

    `runs` and `metrics` have the columns RUNS and METRICS, `by_run` is the table of
    `measures.per_run`. Parts are times their weights, so that they add up to the loss; those that
    are always 0 are left out. Each epoch is cut into as many equal spans as `LOSS_POINTS` allow, at
    least one, and `epoch` is the mean place of what was logged in a span. `value` is the mean over
    the counted runs of each run's own mean there, from where the last of them begins to where
    the first ends; between two spans a run is on a straight line. `low` and `high` are the lowest
    and highest that one of them logged in it, so that no spike is lost.
    """
    of_part = ["configuration", "metric"]
    of_run = [*of_part, "run_id"]
    logged = _weighted(runs, metrics).join(_counted(by_run), on="run_id")
    has_weight = (pl.col("metric") == "loss") | (pl.col("value") != 0).any().over(of_part)
    own = _in_spans(logged.filter(has_weight))
    places = own.group_by(*of_part, "span").agg(pl.col("epoch").mean())
    return (
        places.join(own.select(of_run).unique(), on=of_part)
        .join(own.drop("epoch"), on=[*of_run, "span"], how="left")
        .sort("epoch")
        .with_columns(
            pl.col("value").interpolate_by("epoch").over(of_run),
            of=pl.col("run_id").n_unique().over(of_part),
        )
        .drop_nulls("value")
        .group_by(*of_part, "epoch")
        .agg(
            pl.col("value").mean(),
            low=pl.min_horizontal("low", "value").min(),
            high=pl.max_horizontal("high", "value").max(),
            present=pl.len() == pl.col("of").first(),
        )
        .filter("present")
        .drop("present")
        .sort(*of_part, "epoch")
    )


def hard_ratios(metrics: pl.DataFrame, by_run: pl.DataFrame) -> pl.DataFrame:
    """Average the share of hard negatives over the counted runs: configuration, epoch, value.

    The share that is mined before an epoch holds until negatives are mined again, so the last value
    is repeated at the end of its epoch, or of the training that followed. The mean ends with the
    run that ends first.
    """
    mined = (
        metrics.filter(event="mine", metric="hard_ratio")
        .join(_counted(by_run), on="run_id")
        .with_columns(of=pl.col("run_id").n_unique().over("configuration"))
        .group_by("configuration", "epoch")
        .agg(pl.col("value").mean(), present=pl.len() == pl.col("of").first())
        .filter("present")
        .drop("present")
    )
    ends = mined.group_by("configuration").agg(pl.all().sort_by("epoch").last())
    trained = by_run.filter("counted").group_by("configuration").agg(pl.col("last_epoch").min())
    end = pl.max_horizontal(pl.col("epoch") + 1, "last_epoch").alias("epoch")
    held = ends.join(trained, on="configuration", how="left").with_columns(end).drop("last_epoch")
    return pl.concat([mined, held.select(mined.columns).cast(mined.schema)]).sort(
        "configuration", "epoch"
    )


def _counted(by_run: pl.DataFrame) -> pl.DataFrame:
    """Select the counted runs: configuration, run_id."""
    return by_run.filter("counted").select("configuration", "run_id")


def _weighted(runs: pl.DataFrame, metrics: pl.DataFrame) -> pl.DataFrame:
    """Select finite losses and parts, each part times its weight, at fractions of epochs."""
    config = pl.col("config")
    weights = runs.select(
        "run_id",
        **{
            part: config.str.json_path_match(f"$.{field}").cast(pl.Float64, strict=False)
            for part, field in WEIGHTS.items()
        },
    ).unpivot(index="run_id", variable_name="metric", value_name="weight")
    return (
        with_fractions(runs, metrics)
        .filter(pl.col("metric").is_in(["loss", *WEIGHTS]), event="step")
        .join(weights, on=["run_id", "metric"], how="left")
        .with_columns(pl.col("value") * pl.col("weight").fill_null(1))
        .filter(pl.col("value").is_finite())
    )


def _in_spans(steps: pl.DataFrame) -> pl.DataFrame:
    """Average each run in spans: configuration, metric, run_id, span, epoch, value, low, high."""
    epochs = pl.col("epoch").max().over("configuration").ceil().cast(pl.Int64)
    spans = pl.max_horizontal(1, LOSS_POINTS // epochs)
    value = pl.col("value")
    return (
        # The last step of an epoch is in its last span.
        steps.with_columns(span=(pl.col("epoch") * spans).ceil())
        .group_by("configuration", "metric", "run_id", "span")
        .agg(pl.col("epoch").mean(), value.mean(), low=value.min(), high=value.max())
    )
