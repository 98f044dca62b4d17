"""Recovers the sample size that a log does not state, from the shares that it holds.

A share printed as the `repr` of `hits / n` is the float nearest to that fraction. Two different
fractions with denominators up to 20,000 lie at least 1 / 20,000² = 2.5e-9 apart, far more than a
float's rounding, so each value names exactly one fraction in lowest terms, and the smallest n
that explains a series is the least common multiple of their denominators.
"""

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

#: Larger denominators are not looked for: some would explain any short series.
LIMIT = 20_000


def common_denominator(denominators: Iterable[int]) -> int | None:
    """Return the smallest n ≤ 20,000 that explains shares with these lowest denominators.

    It is their least common multiple. It divides the true sample size, so a short series may yield
    a smaller n and with it a wider, never a narrower, interval. None where a denominator is 0 (no
    fraction), where n would be larger, and where all are 1: every n explains shares of 0 and 1.
    """
    least = math.lcm(*{int(denominator) for denominator in denominators})
    return least if 1 < least <= LIMIT else None


def lowest_denominators(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return for each value the denominator of its fraction in lowest terms; 0 where it has none.

    A fraction this close to a float is one of the float's continued-fraction convergents
    (Legendre), and every convergent of a denominator up to the limit is reached in 23 steps, the
    length of the slowest expansion, that of two Fibonacci numbers.
    """
    values, occurrences = np.unique(values, return_inverse=True)
    shares = np.isfinite(values) & (values >= 0) & (values <= 1)
    values = np.where(shares, values, 0)
    found = np.zeros(values.shape, np.int64)
    rest, before, denominator = values, np.zeros_like(values), np.ones_like(values)
    for _ in range(24):
        explains = shares & (np.round(values * denominator) / denominator == values)
        found = np.where((found == 0) & explains, denominator, found).astype(np.int64)
        fraction = rest - np.floor(rest)
        goes_on = fraction > 0.5 / LIMIT  # else the next denominator is beyond the limit
        rest = 1 / np.where(goes_on, fraction, 1)
        before, denominator = denominator, np.floor(rest) * denominator + before
        denominator = np.where(goes_on & (denominator <= LIMIT), denominator, 1)
    return found[occurrences]
