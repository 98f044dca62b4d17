"""Estimates effects on what runs reach, with the uncertainty that queries and seeds leave.

An effect is a contrast: a weighted sum over cells (configurations), averaged over seeds and
queries. Two kinds of luck make it uncertain: other *queries* would have been answered otherwise,
those of one cluster together, and other *seeds* would have trained other weights. Both variances
are estimated and added (two-way random effects), that of the seeds without the part which the
queries explain already. Student's t takes its degrees of freedom from Satterthwaite (1946), at
least the seeds less one.

Clusters, paired differences and power are as in Miller, Adding error bars to evals, 2024.
`tests/benchmarks/bench_effects.py` measures the rates of error and the power.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from analysis.statistics.intervals import CONFIDENCE

Array = npt.NDArray[np.float64]

#: The number of the cluster of each query, [Q]: those of one debate are answered alike.
Labels = npt.NDArray[np.int64]

#: Name of an effect → weight of each cell, [C].
Contrasts = Mapping[str, Sequence[float]]

#: The runs of one cell: seed → answers of its run to the queries, [Q], or a number.
Cell = Mapping[int, npt.ArrayLike]

POWER = 0.80

#: With fewer seeds an effect is not tested: two that happen to agree hide how far seeds differ.
FEWEST_SEEDS = 3

#: A standard error below this share of the largest value is rounding: nothing varied.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Effect:
    """One effect, in the unit of the values: of answers a share, where 0.01 is a point.

    With fewer than three seeds, with one cluster, or where nothing varies, an effect is described
    and not tested: all from `low` on is None.
    """

    name: str
    estimate: float
    seeds: int
    queries: int | None  # None: the runs gave a number each
    clusters: int | None
    low: float | None = None  # ends of the 95 % interval
    high: float | None = None
    p: float | None = None  # two-sided, not corrected for other effects
    df: float | None = None  # degrees of freedom of the standard error
    se: float | None = None  # standard error
    excluded_beyond: float | None = None  # larger effects, of either sign, are excluded at 5 %
    least_effect: float | None = None  # the least that 80 % of such experiments would find at 5 %


def effects(
    contrasts: Contrasts, values: npt.ArrayLike, clusters: Labels | None = None
) -> tuple[Effect, ...]:
    """Estimate each contrast, in order; none where there is no seed or no query.

    `values`: answers to queries, [C, S, Q] for cells, seeds and queries, with the cluster of each
    query, [Q]; or, without clusters, one number per run, [C, S], which seeds alone make uncertain.
    Every cell has the same seeds and queries in one order.
    """
    figures = np.asarray(values, dtype=np.float64)
    if 0 in figures.shape:
        return ()
    weights = np.array(list(contrasts.values()), dtype=np.float64)
    totals, sizes = _by_cluster(figures, clusters)
    differences = np.tensordot(weights, totals, axes=1)
    seeds = figures.shape[1]
    estimates = differences.sum(axis=(1, 2)) / (seeds * sizes.sum())
    counts = (None, None) if clusters is None else (figures.shape[2], len(sizes))
    described = tuple(
        Effect(name, float(estimate), seeds, *counts)
        for name, estimate in zip(contrasts, estimates, strict=True)
    )
    if seeds < FEWEST_SEEDS or counts[1] == 1:
        return described
    errors, degrees = _errors(differences, sizes)
    varies = errors > ROUNDING * np.linalg.norm(weights, axis=1) * np.abs(figures).max()
    return tuple(
        _tested(effect, float(se), float(df)) if tested else effect
        for effect, se, df, tested in zip(described, errors, degrees, varies, strict=True)
    )


def difference(
    name: str, one: Cell, other: Cell, clusters: Labels | None = None
) -> tuple[Effect, ...]:
    """Estimate by how much `one` exceeds `other` over their shared seeds; none without any."""
    return effects({name: (1, -1)}, over_shared_seeds((one, other)), clusters)


def over_shared_seeds(cells: Sequence[Cell]) -> Array:
    """Stack what the runs of these cells reached with the seeds that all have: [C, S, Q] or [C, S].

    Seeds are in ascending order; S is 0 where none is shared.
    """
    seeds = sorted(set.intersection(*map(set, cells)))
    return np.array([[cell[seed] for seed in seeds] for cell in cells], dtype=np.float64)


def holm(values: Sequence[float | None]) -> list[float | None]:
    """Correct the p of several effects (Holm 1979), in their order; None is not counted.

    The i-th least of m is multiplied by m − i + 1 and never falls below the one before.
    """
    corrected: list[float | None] = [None] * len(values)
    tested = sorted((p, place) for place, p in enumerate(values) if p is not None)
    least = 0.0
    for rank, (p, place) in enumerate(tested):
        least = max(least, min(1.0, p * (len(tested) - rank)))
        corrected[place] = least
    return corrected


def _by_cluster(values: Array, clusters: Labels | None) -> tuple[Array, Labels]:
    """Sum over the queries of each cluster: [C, S, G], and the queries of each, [G].

    One number per run is taken for a single query, whose part of the variance is then 0.
    """
    if clusters is None:
        return values[..., None], np.ones(1, dtype=np.int64)
    _, labels, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    totals = [[np.bincount(labels, weights=run) for run in cell] for cell in values]
    return np.array(totals), sizes


def _errors(differences: Array, sizes: Labels) -> tuple[Array, Array]:
    """Estimate the standard error of each contrast and its degrees of freedom, [K] each.

    `differences`: contrasts summed by cluster, [K, S, G]; `sizes`: queries of each cluster, [G].

    Each contrast has a variance over seeds of its own. Seeds may move the runs with LayerNorm
    together: then they make its effect far less certain than that of ReLU. The degrees of freedom
    count the seeds even where they add no variance, since few seeds may happen to agree.
    """
    _, seeds, groups = differences.shape
    queries = sizes.sum()
    free = max(groups - 1, 1)
    by_seed = differences.sum(axis=2) / queries
    left = differences - by_seed[..., None] * sizes
    own = left - left.mean(axis=1, keepdims=True)
    few = groups / free
    of_queries = few * (left.sum(axis=1) ** 2).sum(axis=1) / (seeds * queries) ** 2
    of_both = few * (own**2).sum(axis=(1, 2)) / ((seeds - 1) * seeds * queries**2)
    of_seeds = by_seed.var(axis=1, ddof=1) / seeds
    excess = np.maximum(0, of_seeds - of_both)
    variance = of_queries + excess
    by_seeds = (of_seeds**2 + of_both**2 / free) / (seeds - 1)
    spread = of_queries**2 / free + by_seeds
    degrees = np.divide(variance**2, spread, out=np.zeros_like(spread), where=spread > 0)
    # Where parts nearly cancel, Satterthwaite's figure falls towards 0, and intervals without end.
    return np.sqrt(variance), np.maximum(degrees, seeds - 1)


def _tested(effect: Effect, se: float, df: float) -> Effect:
    """Fill in what Student's t says of an effect with this standard error."""
    # Only where it is used: it takes longer to import than most logs to read.
    from scipy.special import stdtr, stdtrit

    two_sided, one_sided = (float(stdtrit(df, q)) for q in ((1 + CONFIDENCE) / 2, CONFIDENCE))
    size = abs(effect.estimate)
    return replace(
        effect,
        low=effect.estimate - two_sided * se,
        high=effect.estimate + two_sided * se,
        p=2 * float(stdtr(df, -size / se)),
        df=df,
        se=se,
        excluded_beyond=size + one_sided * se,
        least_effect=(two_sided + float(stdtrit(df, POWER))) * se,
    )
