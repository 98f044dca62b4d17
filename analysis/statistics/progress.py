"""Tells how far running runs are: epoch, loss, speed, and the time that is left."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from analysis.schema import Column, types
from analysis.statistics.epochs import WHOLE_EPOCHS, count_in_config, lengths

#: One row a run. What cannot be known yet is null.
PROGRESS = types(
    Column("run_id", pl.String, "as in RUNS"),
    Column("variant", pl.String, "as in RUNS"),
    Column("seed", pl.Int64, "as in RUNS"),
    Column("epoch", pl.Int64, "the epoch that is going on, from 1"),
    Column("epochs", pl.Int64, "epochs in all"),
    Column("step", pl.Int64, "optimiser steps done, as last logged"),
    Column("steps", pl.Int64, "optimiser steps in all"),
    Column("loss", pl.Float64, "mean of the last logged steps"),
    Column("validation", pl.Float64, "top-1 on validation at the last evaluation"),
    Column("rate", pl.Float64, "training pairs a second, mean of the last logged steps"),
    Column("seconds_left", pl.Float64, "of training and of the evaluations after each epoch"),
)

#: Logged steps that a figure is the mean of.
LAST = 5


def progress(runs: pl.DataFrame, metrics: pl.DataFrame) -> pl.DataFrame:
    """Compute PROGRESS of these runs, from the tables RUNS and METRICS."""
    plans = runs.select(
        *("run_id", "variant", "seed"),
        epochs=count_in_config("epochs"),
        batch_size=count_in_config("batch_size"),
        eval_every=count_in_config("eval_every").fill_null(1),
    ).join(lengths(runs, metrics), on="run_id", how="left", maintain_order="left")
    rows = [
        {**plan, **_measured(plan, metrics.filter(run_id=plan["run_id"]))}
        for plan in plans.to_dicts()
    ]
    return pl.DataFrame(rows, schema=PROGRESS)


def _measured(plan: dict[str, Any], metrics: pl.DataFrame) -> dict[str, Any]:
    """Compute the columns of one run that are measured; `plan` has its epochs and their length."""
    epochs, length, batch_size = plan["epochs"], plan["length"], plan["batch_size"]
    logged = metrics.filter(event="step")
    found: dict[str, Any] = {"step": logged.select(pl.col("step").last()).item() or 0}
    for name, metric in (("loss", "loss"), ("rate", "triplets_per_second")):
        found[name] = logged.filter(metric=metric)["value"].tail(LAST).mean()
    validated = metrics.filter(event="eval", split="validation", metric="top1")
    found["validation"] = validated["value"].drop_nulls().last()
    if epochs and length:
        found["steps"] = epochs * length
        found["epoch"] = min(epochs, found["step"] // length + 1)
        if found["rate"] and batch_size:
            training = (found["steps"] - found["step"]) * batch_size / found["rate"]
            evaluated = metrics.filter(WHOLE_EPOCHS, event="eval").select(pl.col("epoch").max())
            # The last epoch is evaluated whatever --eval_every says.
            left = sum(
                epoch == epochs or epoch % plan["eval_every"] == 0
                for epoch in range((evaluated.item() or 0) + 1, epochs + 1)
            )
            found["seconds_left"] = training + left * sum(_pauses(metrics))
    return found


def _pauses(metrics: pl.DataFrame) -> Iterator[float]:
    """Yield the seconds of each evaluation, and of mining, as they last took."""
    seconds = metrics.filter(WHOLE_EPOCHS, metric="seconds")
    last = seconds.filter(pl.col("event").is_in(["eval", "mine"])).group_by("event", "split")
    yield from last.agg(pl.col("value").last())["value"].drop_nulls()
