"""Writes notes: what is missing from a study or its effects, and which lines were not read."""

import polars as pl

from analysis.printable import some
from analysis.readers.variant_names import VARIANTS
from analysis.rendering import labels
from analysis.statistics.results import Results


def of_rejected(rejected: pl.DataFrame) -> list[str]:
    """Say of each row of REJECTED why that line was left out."""
    return [
        f"{source}, line {line}: {reason}; left out" for source, line, reason in rejected.rows()
    ]


def of_study(results: Results) -> list[str]:
    """Say which runs do not count, which cells are missing, and how points are clustered."""
    found = []
    left_out = results.by_run.filter(~pl.col("counted"))["run_id"].to_list()
    if left_out:
        unfinished = "unfinished, or another run has the same seed"
        found.append(f"Not counted: {some(left_out)}: {unfinished}.")
    counted = results.by_configuration.select("configuration", "seeds")
    if results.study.format != "legacy" and 1 < counted.height < len(VARIANTS):
        absent = ", ".join(sorted(set(VARIANTS) - set(counted["configuration"])))
        given = "effects are given at one level of the other factor"
        if results.effects.is_empty():
            given = "no effect can be given"
        found.append(f"No completed run of {absent}: {given}.")
    last = pl.col("last_epoch").fill_null(-1)
    shorter = results.by_run.filter("counted").filter(last < last.max())["run_id"].to_list()
    if shorter:
        effects = " They are not in the effects." if results.effects.height else ""
        found.append(
            f"Trained for fewer epochs than others: {some(shorter)}: figures at the end do not "
            f"compare.{effects}"
        )
    if counted["seeds"].n_unique() > 1:
        seeds = ", ".join(f"{name}: {own}" for name, own in counted.rows())
        found.append(
            f"Unequal seeds ({seeds}): an effect is over the seeds that its variants share."
        )
    answers = results.log.predictions.join(
        results.by_run.filter("counted"), on="run_id", how="semi"
    )
    points = answers.group_by("split", "run_id").agg(pl.col("pair_id").hash().sum())
    kinds = points.group_by("split").agg(pl.col("pair_id").n_unique())
    for split in kinds.filter(pl.col("pair_id") > 1)["split"].sort():
        found.append(f"Runs answered different points of {split}: no effect is estimated there.")
    if results.effects.height and answers["cluster"].null_count():
        found.append(
            "Points are clustered by debate title only: the predictions hold no clusters, and are "
            "those of the epoch that validation chose."
        )
    untold = answers.filter(pl.col("head_hit").is_null())["run_id"].n_unique()
    if untold and (answers["hit"] != answers["head_hit"]).any():
        found.append(
            f"Left out of the effects without hubness: {labels.counted(untold, 'run')} of earlier "
            "versions, whose predictions do not tell the answers without it."
        )
    return found
