"""Computes 95 % intervals: Wilson's for the share of one run, Student's for a mean over runs."""

import polars as pl

CONFIDENCE = 0.95

#: Points of one debate are answered alike, so that a share is as uncertain as one of n / 1.7 points
#: that have nothing to do with each other; measured on the published runs.
DESIGN_EFFECT = 1.7


def wilson(share: pl.Expr, n: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Compute both ends of Wilson's score interval for a share of `n` points; null without `n`.

    Wilson (1927), without continuity correction, with `n` divided by `DESIGN_EFFECT`. It is an
    expression because a picture needs it for every point of every curve at once.
    """
    # scipy.special alone: scipy.stats would take longer to import than the two real logs to read.
    from scipy.special import ndtri

    n = n / DESIGN_EFFECT
    z = float(ndtri((1 + CONFIDENCE) / 2))
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = (share * (1 - share) / n + z**2 / (4 * n**2)).sqrt() * z / (1 + z**2 / n)
    return (middle - half).clip(0, 1), (middle + half).clip(0, 1)


def student(mean: pl.Expr, sd: pl.Expr, count: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Compute both ends of Student's t interval for a mean over `count` runs; null for one run.

    `sd` is the standard deviation with `count` − 1 in the denominator.
    """
    half = sd / count.sqrt() * count.map_batches(_t_quantile, return_dtype=pl.Float64)
    return mean - half, mean + half


def _t_quantile(counts: pl.Series) -> pl.Series:
    """Return Student's quantile for each number of runs; null for one, which has no spread."""
    from scipy.special import stdtrit

    degrees = counts.cast(pl.Float64) - 1
    quantiles = pl.Series(counts.name, stdtrit(degrees.to_numpy(), (1 + CONFIDENCE) / 2))
    return quantiles.set(degrees < 1, None)
