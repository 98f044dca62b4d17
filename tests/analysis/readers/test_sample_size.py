"""`analysis.readers.sample_size`: the sample size that the values themselves give away."""

import math
import random

import numpy as np
import pytest

from analysis.readers.sample_size import LIMIT, common_denominator, lowest_denominators


def smallest_denominator(values):
    return common_denominator(lowest_denominators(np.fromiter(values, np.float64)))


def by_trial(values):
    """The definition itself, one denominator after the other."""
    for n in range(2, LIMIT + 1):
        if all(round(value * n) / n == value for value in values):
            return n
    return None


@pytest.mark.parametrize("n", [81, 88, 255, 1287, 19_997, 20_000])
def test_a_long_series_gives_away_its_sample_size(n):
    source = random.Random(n)
    values = [source.randint(0, n) / n for _ in range(60)]
    assert smallest_denominator(values) == n


def test_it_is_the_smallest_that_explains_every_value():
    source = random.Random(0)
    for _ in range(40):
        n = source.randint(2, 400)
        values = [source.randint(0, n) / n for _ in range(source.randint(1, 4))]
        if set(values) <= {0.0, 1.0}:
            continue
        assert smallest_denominator(values) == by_trial(values)


def test_every_fraction_is_recognised_in_lowest_terms():
    source = random.Random(1)
    pairs = [
        (source.randint(0, n), n) for n in (*range(1, LIMIT, 37), 10_946, 17_711) for _ in "ab"
    ]
    pairs += [(6_765, 10_946), (10_946, 17_711)]  # the longest continued fractions
    expected = [n // math.gcd(hits, n) for hits, n in pairs]
    assert lowest_denominators(np.array([h / n for h, n in pairs])).tolist() == expected


@pytest.mark.parametrize(
    "values",
    [
        [0.5, math.pi / 4],
        [1 / 20_001],
        [1 / 19_997, 1 / 19_993],  # each has one, no common one up to the limit
        [0.5, 1.5],
        [0.5, -0.5],
        [0.5, math.nan],
        [0.5, math.inf],
        [0.5, 5e-324],
        [np.nextafter(1 / 3, 1)],
    ],
)
def test_a_series_that_no_denominator_explains_has_none(values):
    assert smallest_denominator(values) is None


@pytest.mark.parametrize("values", [[], [0.0], [1.0, 1.0], [0.0, 1.0]])
def test_zeros_and_ones_say_nothing_about_the_sample_size(values):
    assert smallest_denominator(values) is None
