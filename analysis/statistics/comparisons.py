"""Compares studies of one corpus that differ in a single setting, in that setting."""

from collections.abc import Sequence
from itertools import combinations

import polars as pl

from analysis.statistics.effects import Effect, effects, over_shared_seeds
from analysis.statistics.factorial import Design
from analysis.statistics.results import Results
from analysis.statistics.studies import differing
from analysis.statistics.study_effects import answers, comparable_runs, labels


def comparisons(every: Sequence[Results], split: str = "test") -> list[Effect]:
    """Estimate the effect of each setting that alone tells two studies apart, on one split.

    The effect is the second value minus the first, averaged over the variants that both studies
    have, over the seeds that all of these share. Its name, 'setting: second − first (study −
    study)', has the studies, since several pairs may differ in one setting. Left out are studies
    without predictions, pairs of studies that answered different points, and pairs that differ in
    `leaked_pairs`, because one side was trained on texts of test.
    """
    found: list[Effect] = []
    for one, other in combinations(every, 2):
        settings = differing(one.study, other.study)
        comparable = len(settings) == 1 and not settings.keys() & {"corpus", "leaked_pairs"}
        if one.study.format != other.study.format or not comparable:
            continue
        ((field, (first, second)),) = settings.items()
        later, earlier = _answers(other, split), _answers(one, split)
        if later is None or earlier is None:
            continue
        (design, points), (former, former_points) = later, earlier
        cells = [cell for cell in design if cell in former]
        if not cells or not points["pair_id"].equals(former_points["pair_id"]):
            continue
        stacked = over_shared_seeds(
            [*map(design.__getitem__, cells), *map(former.__getitem__, cells)]
        )
        weights = [1 / len(cells)] * len(cells) + [-1 / len(cells)] * len(cells)
        name = (
            f"{field}: {second or 'unset'} − {first or 'unset'} "
            f"({other.study.name} − {one.study.name})"
        )
        found += effects({name: weights}, stacked, labels(points))
    return found


def _answers(results: Results, split: str) -> tuple[Design, pl.DataFrame] | None:
    counted = comparable_runs(results.log.runs, results.by_run)
    return answers(counted, results.log.predictions, split)
