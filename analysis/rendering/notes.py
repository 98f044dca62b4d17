"""Writes notes on a study: what is missing from it, and by what its effects are estimated."""

import polars as pl

from analysis.printable import printable
from analysis.readers.variant_names import VARIANTS
from analysis.statistics.results import Results


def of_study(results: Results) -> list[str]:
    """Say which runs do not count, which cells are missing, and how points are clustered."""
    found = []
    left_out = results.by_run.filter(~pl.col("counted"))["run_id"].to_list()
    if left_out:
        shown = ", ".join(printable(str(run)) for run in left_out[:3])
        more = f" and {len(left_out) - 3} more" if len(left_out) > 3 else ""
        found.append(f"Not counted: {shown}{more}: unfinished, or another run has its seed.")
    counts = results.by_configuration
    if results.study.format != "legacy" and 1 < counts.height < len(VARIANTS):
        absent = sorted(set(VARIANTS) - set(counts["configuration"]))
        found.append(f"No run of {', '.join(absent)}: simple effects stand for the whole ones.")
    if counts["runs"].n_unique() > 1:
        seeds = [f"{n} {runs}" for n, runs in counts.select("configuration", "runs").rows()]
        found.append(f"Unequal runs ({', '.join(seeds)}): effects are over the seeds all share.")
    answers = results.log.predictions
    if results.effects.height and answers["cluster"].null_count():
        found.append(
            "Points are clustered by debate title alone: the predictions name no clusters, and are "
            "of the epoch that validation chose."
        )
    return found
