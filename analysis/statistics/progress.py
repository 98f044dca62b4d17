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
        first_epoch_evals=count_in_config("first_epoch_evals").fill_null(1),
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
            found["seconds_left"] = training + sum(_pauses(plan, found["step"], metrics))
    return found


def _pauses(plan: dict[str, Any], step: int, metrics: pl.DataFrame) -> Iterator[float]:
    """Yield the seconds of what is left beside training: evaluations, and mining before them."""
    seconds = _seconds_of_evaluations(metrics)
    evaluated = metrics.filter(event="eval", metric="top1", split="validation")
    done = evaluated.filter(WHOLE_EPOCHS)["epoch"].max() or 0
    epochs, every = plan["epochs"], plan["eval_every"]
    # The last epoch is evaluated whatever --eval_every says.
    left = epochs // every - done // every + (epochs % every > 0) if done < epochs else 0
    mined = metrics.filter(event="mine", metric="seconds")["value"].drop_nulls()
    yield left * (sum(seconds.values()) + sum(mined.tail(1)))
    if step < plan["length"]:
        inner = plan["first_epoch_evals"] - 1 - evaluated.filter(~WHOLE_EPOCHS).height
        yield max(0, inner) * seconds.get("validation", 0)


def _seconds_of_evaluations(metrics: pl.DataFrame) -> dict[str, float]:
    """Estimate the seconds that an evaluation of each split takes, as far as the log tells.

    The one before the first step uses vectors that are there already, so that those after it count:
    of each split the last, and before there is one of it, as long per point as on validation.
    """
    took = metrics.filter(pl.col("event").is_in(["eval", "untrained"]), metric="seconds")
    after_a_step = (pl.col("event") == "eval") & ((pl.col("epoch") > 0) | (pl.col("step") > 0))
    by_split = took.filter(after_a_step).group_by("split").agg(pl.col("value").last())
    known: dict[str, float] = dict(by_split.drop_nulls().iter_rows())
    if "validation" not in known:
        first = took.group_by("split").agg(pl.col("value").max())
        return dict(first.drop_nulls().iter_rows()) | known
    figures = metrics.filter(event="eval", metric="top1").group_by("split").agg(pl.col("n").last())
    points: dict[str, int] = dict(figures.drop_nulls().iter_rows())
    per_point = known["validation"] / points.get("validation", 1)
    return {split: per_point * count for split, count in points.items()} | known
