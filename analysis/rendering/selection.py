"""Chooses what a figure and the chart of the same name both draw: groups, ranges, words."""

from collections.abc import Sequence

import polars as pl

from analysis.rendering.labels import point_count
from analysis.rendering.table_rows import target_heading
from analysis.schema import SPLITS
from analysis.statistics.results import Results
from analysis.statistics.study_effects import MEASURED

#: Rows of one panel: of more domains the largest are drawn, and the title says so.
MOST_GROUPS = 20

#: Points or errors that a group needs, for a share that says something.
FEWEST = 30

#: Title of the panel whose shares are of errors, and no top-1.
WRONG = "of the wrong answers"

#: Measure of effects → title of its panel.
EFFECT_TITLES = {
    "validation": "validation",
    "test": "test",
    "area": "area under the curve",
    "validation_without_hubness": "validation, without hubness",
    "test_without_hubness": "test, without hubness",
    "area_without_hubness": "area, without hubness",
}

#: What the dots, bars and colours of effects stand for.
EFFECTS_NOTE = (
    "Dot: effect in percentage points of top-1, on minus off. Bar: 95 % interval, not corrected "
    "for several effects; of areas over seeds alone. Orange: shown on test after Holm's "
    "correction. Grey: not shown, or only described."
)

#: What the marks of convergence stand for.
CONVERGENCE_NOTE = (
    "Bar: 95 % interval over runs (dots), or of a single run. Area: mean height of the validation "
    "curve."
)

#: Why losses with a triplet part do not compare.
TRIPLETS_DIFFER = (
    "The triplet loss is in each configuration's own distances, which LayerNorm scales: compare "
    "shapes, not heights."
)

#: Metric of a loss or of a part of it → what the legend calls it.
LOSS_LABELS = {
    "loss": "loss",
    "triplet_loss": "triplet",
    "positive_loss": "positive pairs",
    "negative_loss": "negative pairs",
    "in_batch_loss": "in batch",
    "listwise_loss": "listwise",
}


def omission(results: Results) -> str:
    """Say in a heading that a picture has no room for some configurations; else nothing."""
    drawn, of = results.drawn.height, results.by_configuration.height
    return f", {drawn} of {of:,} configurations" if drawn < of else ""


def untrained_note(results: Results, of: str = "") -> str:
    """Say in a note what the dashed line is; nothing where no run logged the untrained encoder."""
    if not results.untrained:
        return ""
    ranked = ", without hubness" * results.ranks_by_hubness
    return f" Thin dashes: the untrained encoder's nearest neighbour{of}{ranked}."


def effect_measures(effects: pl.DataFrame) -> list[str]:
    """Return the measures that EFFECTS has rows of, in the order of MEASURED."""
    return [measure for measure in MEASURED if measure in effects["measure"]]


def effect_reach(effects: pl.DataFrame) -> float:
    """Return how far from zero an axis of EFFECTS goes to each side, in percentage points."""
    estimate, low = pl.col("estimate"), pl.col("low")
    ends = effects.select(pl.max_horizontal(estimate, "high", -estimate, -low)).to_series()
    return 108 * max(0.01, *ends)


def top1_range(results: Results, split: str) -> tuple[float, float]:
    """Return the lowest and the highest share of an axis of top-1 on a split.

    Training has a scale of its own: what it learns by heart would dwarf the other two.
    """
    together = [split] if split == "training" else SPLITS[1:]
    bands = results.bands.filter(pl.col("split").is_in(together))
    bands = bands.join(results.drawn, on="configuration", how="semi")
    ends = pl.concat([bands["value"], bands["low"], bands["high"]]).drop_nulls().to_list()
    ends += [share for name, share in results.untrained.items() if name in together]
    ends = ends or [0.0, 1.0]
    return 0.95 * min(ends), min(1.02, 1.03 * max(ends) + 0.001)


def measure_titles(by_run: pl.DataFrame) -> dict[str, str]:
    """Return the measures of how fast runs converge and where they end, each with its title."""
    target = target_heading(by_run)
    return {"area": "area", "epochs_to_target": target, "last_test": "test at the end"}


def drawn_losses(results: Results) -> pl.DataFrame:
    """Select the losses of the configurations that are drawn, in their order."""
    return results.losses.join(results.drawn, on="configuration", how="semi", maintain_order="left")


def split_title(results: Results, split: str) -> str:
    """Return the title of a split's panel, with how many points it has."""
    sizes = results.drawn[f"n_{split}"].drop_nulls().to_list()
    return f"{split}, n = {point_count(sizes)}" if sizes else split


def large_groups(results: Results) -> pl.DataFrame:
    """Select the rows of `error_analysis.shown` whose group has enough points for a picture.

    None where that leaves all points alone, which the curves show.
    """
    large = results.shown_errors.filter(pl.col("n").max().over("aspect", "group") >= FEWEST)
    large = large.join(results.drawn, on="configuration", how="semi", maintain_order="left")
    return large if (large["aspect"] != "all points").any() else large.clear()


def answer_panels(results: Results) -> dict[str, pl.DataFrame]:
    """Sort the rows of `large_groups` into panels: title → rows, where there are any."""
    errors = large_groups(results)
    size = pl.col("n").max().over("aspect", "group")
    large = pl.struct(size, "group").rank("dense", descending=True).over("aspect") <= MOST_GROUPS
    shares = errors.filter(large)
    largest = f", the largest {MOST_GROUPS}" if shares.height < errors.height else ""
    aspects = {
        f"top-1 by domain{largest}": ["domain"],
        "top-1 by kind of point": ["all points", "length of the point", "leakage"],
        WRONG: ["wrong answer from", "wrong answer is"],
    }
    panels = {title: shares.filter(pl.col("aspect").is_in(of)) for title, of in aspects.items()}
    return {title: rows for title, rows in panels.items() if rows.height}


def in_rows(shares: pl.DataFrame, names: Sequence[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Place groups of points below each other, and in each of them the configurations `names`.

    A group is one high, and its configurations share the middle 0.7 of it. Returns (the groups from
    the top: row, aspect, group, the list n; the shares with their place `height`, 0 for the top).
    """
    groups = shares.group_by("aspect", "group", maintain_order=True).agg("n").with_row_index("row")
    places = groups.select("aspect", "group", "row")
    shifts = [0.7 * ((number + 0.5) / len(names) - 0.5) for number in range(len(names))]
    shifted = pl.DataFrame({"configuration": names, "shift": shifts})
    placed = shares.join(places, on=["aspect", "group"], maintain_order="left")
    placed = placed.join(shifted, on="configuration", maintain_order="left")
    return groups, placed.with_columns(height=pl.col("row") + pl.col("shift"))
