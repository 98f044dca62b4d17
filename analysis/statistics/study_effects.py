"""Estimates the effects of LayerNorm and ReLU in one study: on its answers and on area."""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

import polars as pl

from analysis.schema import Column, types
from analysis.statistics.effects import Effect, Labels, holm
from analysis.statistics.factorial import Design, Factors, design_effects, simple_effects

#: An effect on test is shown where its p, corrected by Holm's method, is below this.
LEVEL = 0.05

WITHOUT_HUBNESS = "_without_hubness"

#: What effects are estimated on: the answers on a split, or one number per run. Hubness moves a
#: configuration's top-1 as much as a factor may, so each is also given without it.
MEASURED = tuple(
    f"{measure}{suffix}"
    for suffix in ("", WITHOUT_HUBNESS)
    for measure in ("validation", "test", "area")
)

#: One row an effect. Numbers are shares: 0.01 is a percentage point.
EFFECTS = types(
    Column("measure", pl.String, "one of MEASURED"),
    Column("effect", pl.String, "'LayerNorm', 'ReLU', 'interaction', or a simple effect"),
    Column("estimate", pl.Float64, "on minus off"),
    Column("low", pl.Float64, "end of the 95 % interval; null: too few seeds, or nothing varies"),
    Column("high", pl.Float64, "its other end"),
    Column("p", pl.Float64, "two-sided, not corrected"),
    Column("p_holm", pl.Float64, "Holm's over the effects tested on 'test'; null: described"),
    Column("excluded_beyond", pl.Float64, "effects of larger size are excluded at 5 %"),
    Column("least_effect", pl.Float64, "the least that 80 % of such experiments would find"),
    Column("seeds", pl.Int64, "seeds that all cells share"),
    Column("queries", pl.Int64, "points; null: one number per run"),
    Column("clusters", pl.Int64, "clusters of points; null: one number per run"),
)


def study_effects(
    runs: pl.DataFrame, by_run: pl.DataFrame, predictions: pl.DataFrame
) -> pl.DataFrame:
    """Estimate EFFECTS from the tables RUNS, `measures.per_run` and PREDICTIONS of one study.

    Answers are those in the files of predictions; runs whose file lacks them are left out on
    validation and test. Measures without hubness are of the same runs and points by the pair head
    alone; they are left out where hubness changes nothing. Settings were chosen by validation, so
    only effects on 'test' are tested, and corrected for one another. Where an interaction is shown
    there, a factor's effect averaged over the other says little, and simple effects are added.
    """
    designs = dict(_designs(comparable_runs(runs, by_run), predictions))
    rows = {
        measure: [_row(measure, effect) for effect in design_effects(*design)]
        for measure, design in designs.items()
    }
    tested = rows.get("test", [])
    for row, p_holm in zip(tested, holm([row["p"] for row in tested]), strict=True):
        row["p_holm"] = p_holm
    if any(row["effect"] == "interaction" and is_shown(row) for row in tested):
        for measure, (design, clusters) in designs.items():
            if "interaction" in (row["effect"] for row in rows[measure]):
                simple = simple_effects(_of_shared_seeds(design), clusters)
                rows[measure] += [_row(measure, effect) for effect in simple]
    return pl.DataFrame([*chain.from_iterable(rows.values())], schema=EFFECTS)


def is_shown(effect: Mapping[str, Any]) -> bool:
    """Whether an effect on test, a row of EFFECTS, is more than chance explains."""
    return effect["p_holm"] is not None and effect["p_holm"] < LEVEL


def _of_shared_seeds(design: Design) -> Design:
    """Keep the seeds that all cells share, so that simple effects add up to the interaction."""
    shared = set.intersection(*map(set, design.values()))
    return {cell: {seed: runs[seed] for seed in shared} for cell, runs in design.items()}


def _designs(
    counted: pl.DataFrame, predictions: pl.DataFrame
) -> Iterator[tuple[str, tuple[Design, Labels | None]]]:
    """Arrange what effects are estimated on, of each measure that there is."""
    for measure in MEASURED:
        of = measure.removesuffix(WITHOUT_HUBNESS)
        if of == "area":
            changed = (counted["area"] != counted["area_without_hubness"]).any()
        else:
            ours = predictions.filter(split=of).join(counted, on="run_id", how="semi")
            changed = (ours["hit"] != ours["head_hit"]).any()
        if measure != of and not changed:
            continue
        if of == "area":
            yield measure, (_numbers(counted, measure), None)
        elif answered := answers(counted, predictions, of, "hit" if measure == of else "head_hit"):
            design, points = answered
            yield measure, (design, labels(points))


def comparable_runs(runs: pl.DataFrame, by_run: pl.DataFrame) -> pl.DataFrame:
    """Add layernorm and relu to the counted runs of `by_run`.

    Left out are runs without factors or seed, and runs that stopped before the last epoch of
    others, because effects compare runs of equal training.
    """
    factors = runs.drop_nulls(["layernorm", "relu", "seed"]).select("run_id", "layernorm", "relu")
    of_whole_budget = pl.col("last_epoch") == pl.col("last_epoch").max()
    return by_run.filter("counted").filter(of_whole_budget).join(factors, on="run_id")


def answers(
    counted: pl.DataFrame, predictions: pl.DataFrame, split: str, hit: str = "hit"
) -> tuple[Design, pl.DataFrame] | None:
    """Arrange the answers on one split by cell and seed; returns the points with them, in order.

    `hit` names the column that tells which are correct; runs without it are left out. None where no
    run is left, or where runs answered different points.
    """
    told = predictions.filter(pl.col(hit).is_not_null(), split=split)
    ours = told.join(counted, on="run_id").sort("pair_id")
    design: dict[Factors, dict[int, list[bool]]] = {}
    first: pl.DataFrame | None = None
    by_run = ours.partition_by("layernorm", "relu", "seed", as_dict=True)
    for (layernorm, relu, seed), of_run in by_run.items():
        first = of_run if first is None else first
        if not of_run["pair_id"].equals(first["pair_id"]):
            return None  # one corpus digest has one set of points
        design.setdefault((layernorm, relu), {})[seed] = of_run[hit].to_list()
    return None if first is None else (design, first)


def labels(points: pl.DataFrame) -> Labels:
    """Return the cluster of each point: as the file says, else by the debate's title alone.

    The title counts without its domain, because debates are filed under several.
    """
    told, title = points["cluster"], points["pair_id"].str.split("/").list.get(1)
    return (title.rank("dense") if told.null_count() else told).cast(pl.Int64).to_numpy()


def _numbers(counted: pl.DataFrame, measure: str) -> Design:
    """Arrange a measure of runs by cell and seed."""
    design: dict[Factors, dict[int, float]] = {}
    for layernorm, relu, seed, value in counted.select("layernorm", "relu", "seed", measure).rows():
        if value is not None:
            design.setdefault((layernorm, relu), {})[seed] = value
    return design


def _row(measure: str, effect: Effect) -> dict[str, Any]:
    """Return the row of EFFECTS of an effect that is described."""
    values = vars(effect) | {"measure": measure, "effect": effect.name, "p_holm": None}
    return {name: values[name] for name in EFFECTS}
