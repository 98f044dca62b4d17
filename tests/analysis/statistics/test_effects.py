"""`analysis.statistics.effects`: contrasts of repeated runs, with the luck of queries and seeds."""

from dataclasses import astuple
from math import isfinite, sqrt
from statistics import mean, variance

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.statistics.effects import difference, effects, holm, over_shared_seeds

THREE = {"a": (-0.5, -0.5, 0.5, 0.5), "b": (-0.5, 0.5, -0.5, 0.5), "c": (0.5, -0.5, -0.5, 0.5)}
TESTED = ("low", "high", "p", "df", "se", "excluded_beyond", "least_effect")


def drawn(seed, *, cells=4, seeds=3, queries=60, groups=20, run_sd=0.0, effect=0.0):
    """Answers [C, S, Q] that related queries and equal seeds share, and the clusters."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(groups, size=queries)
    easy = rng.normal(size=groups)[labels] + rng.normal(size=queries)
    luck = rng.normal(size=(1, seeds, queries)) + rng.normal(size=(cells, 1, queries)) / 4
    own = rng.normal(size=(cells, seeds, queries)) / 2
    shift = run_sd * rng.normal(size=(cells, seeds, 1))
    shift[cells // 2 :] += effect
    return easy + luck + own + shift > 1, labels


def by_the_formulas(contrasts, answers, clusters):
    """The method, a number at a time: effect, standard error and df of each contrast."""
    seeds, queries = range(len(answers[0])), range(len(answers[0][0]))
    groups = sorted(set(clusters))
    S, n, G = len(seeds), len(queries), len(groups)
    found = []
    for weights in contrasts.values():
        d = [
            [sum(k * cell[s][q] for k, cell in zip(weights, answers, strict=True)) for q in queries]
            for s in seeds
        ]
        theta = mean(mean(of_seed) for of_seed in d)
        members = {g: [q for q in queries if clusters[q] == g] for g in groups}
        size = {g: len(members[g]) for g in groups}
        total = {(s, g): sum(d[s][q] for q in members[g]) for s in seeds for g in groups}
        v_g = G / (G - 1) / (S * n) ** 2
        v_g *= sum(sum(total[s, g] - size[g] * theta for s in seeds) ** 2 for g in groups)
        v_s = variance(mean(d[s]) for s in seeds) / S
        r = {(s, g): total[s, g] - size[g] * mean(d[s]) for s in seeds for g in groups}
        centre = {g: mean(r[s, g] for s in seeds) for g in groups}
        v_i = G / (G - 1) / ((S - 1) * S * n**2)
        v_i *= sum((r[s, g] - centre[g]) ** 2 for s in seeds for g in groups)
        x = max(0, v_s - v_i)
        v = v_g + x
        below = v_g**2 / (G - 1) + (v_s**2 + v_i**2 / (G - 1)) / (S - 1)
        found.append((theta, sqrt(v), max(v**2 / below, S - 1)))
    return found


@pytest.mark.parametrize("run_sd", [0, 0.5])
@pytest.mark.parametrize("seeds", [3, 4, 7])
@pytest.mark.parametrize("contrasts", [THREE, {"b": THREE["b"]}])
def test_effects_are_those_of_a_plain_loop_over_the_formulas(contrasts, seeds, run_sd):
    answers, clusters = drawn(seeds, seeds=seeds, run_sd=run_sd)
    found = effects(contrasts, answers, clusters)
    expected = by_the_formulas(contrasts, answers.tolist(), clusters.tolist())
    assert [effect.name for effect in found] == list(contrasts)
    for effect, (theta, se, df) in zip(found, expected, strict=True):
        assert (effect.estimate, effect.se, effect.df) == pytest.approx((theta, se, df))
        t = stats.t(df)
        assert effect.p == pytest.approx(2 * t.sf(abs(theta) / se))
        assert effect.low == pytest.approx(theta - t.ppf(0.975) * se)
        assert effect.high == pytest.approx(theta + t.ppf(0.975) * se)
        assert effect.excluded_beyond == pytest.approx(abs(theta) + t.ppf(0.95) * se)
        assert effect.least_effect == pytest.approx((t.ppf(0.975) + t.ppf(0.8)) * se)
        assert (effect.seeds, effect.queries, effect.clusters) == (seeds, 60, len(set(clusters)))


@pytest.mark.parametrize("seeds", [3, 6])
def test_an_effect_of_doubled_weights_is_doubled_with_its_error(seeds):
    answers, clusters = drawn(1, seeds=seeds, run_sd=0.3)
    doubled = {**THREE, "c": tuple(2 * weight for weight in THREE["c"])}
    *_, one = effects(THREE, answers, clusters)
    *_, two = effects(doubled, answers, clusters)
    assert (two.estimate, two.se) == pytest.approx((2 * one.estimate, 2 * one.se))
    assert (two.p, two.df) == pytest.approx((one.p, one.df))


def test_labels_of_clusters_are_names_alone():
    answers, clusters = drawn(2)
    assert effects(THREE, answers, 7 * clusters - 3) == effects(THREE, answers, clusters)


def test_related_queries_count_as_one():
    answers, clusters = drawn(3)
    apart = effects(THREE, answers, np.arange(60))
    copied = effects(THREE, np.tile(answers, 5), np.tile(np.arange(60), 5))
    assert [effect.se for effect in copied] == pytest.approx([effect.se for effect in apart])


@pytest.mark.parametrize("seeds", [3, 4, 8])
def test_a_number_a_run_of_two_cells_is_compared_as_the_paired_t_test_does(seeds):
    one, other = np.random.default_rng(seeds).normal(size=(2, seeds))
    (found,) = effects({"one": (1, -1)}, [one, other])
    expected = stats.ttest_rel(one, other)
    assert (found.p, found.df) == pytest.approx((expected.pvalue, expected.df))
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert (found.queries, found.clusters) == (None, None)


@pytest.mark.parametrize("seeds", [3, 4, 9])
def test_each_contrast_has_the_variance_of_its_own_numbers(seeds):
    numbers = np.random.default_rng(seeds).normal(size=(4, seeds))
    found = effects(THREE, numbers)
    variances = [variance(weights @ numbers) / seeds for weights in map(np.array, THREE.values())]
    assert [effect.se**2 for effect in found] == pytest.approx(variances)
    assert [effect.df for effect in found] == pytest.approx([seeds - 1] * 3)


def is_described(effect):
    return all(getattr(effect, field) is None for field in TESTED)


def test_no_effect_has_fewer_degrees_of_freedom_than_its_seeds_give():
    least = [
        effect.df
        for seed in range(100)
        for effect in effects(THREE, *drawn(seed))
        if effect.df is not None
    ]
    assert min(least) == 2


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_are_described_and_not_tested(seeds):
    answers, clusters = drawn(4, seeds=seeds)
    found = effects(THREE, answers, clusters)
    assert all(map(is_described, found))
    shares = answers.mean(axis=(1, 2))
    assert [effect.estimate for effect in found] == pytest.approx(list(THREE.values()) @ shares)


def test_one_cluster_is_described_and_not_tested():
    answers, _ = drawn(5)
    assert all(map(is_described, effects(THREE, answers, np.zeros(60, dtype=int))))


@pytest.mark.parametrize("value", [0, 1 / 3])
def test_where_nothing_varies_an_effect_is_described_and_not_tested(value):
    same = np.zeros((2, 3, 7))
    same[0] = value
    clusters = np.array([0, 0, 1, 1, 1, 2, 2])
    for found in (effects({"d": (1, -1)}, same, clusters), effects({"d": (1, -1)}, same[..., 0])):
        assert is_described(found[0])
        assert found[0].estimate == pytest.approx(value)


def test_what_varies_by_rounding_alone_does_not_vary():
    (found,) = effects({"d": (1, -1)}, [[0.41, 0.31, 0.21], [0.4, 0.3, 0.2]])
    assert is_described(found)


@pytest.mark.parametrize("shape", [(4, 0, 6), (4, 3, 0)])
def test_no_seeds_or_no_queries_have_no_effects(shape):
    assert effects(THREE, np.zeros(shape), np.zeros(shape[2], dtype=int)) == ()


@given(st.data())
@settings(deadline=None)
def test_every_figure_is_a_number_or_none(data):
    cells, seeds, queries = (data.draw(st.integers(1, most)) for most in (3, 6, 6))
    bits = st.lists(st.booleans(), min_size=queries, max_size=queries)
    answers = [[data.draw(bits) for _ in range(seeds)] for _ in range(cells)]
    clusters = data.draw(st.lists(st.integers(0, 3), min_size=queries, max_size=queries))
    weights = data.draw(st.lists(st.sampled_from([-1, 0.5, 1]), min_size=cells, max_size=cells))
    (found,) = effects({"drawn": weights}, answers, np.array(clusters))
    assert all(figure is None or isfinite(figure) for figure in astuple(found)[1:])
    assert is_described(found) or found.low < found.estimate < found.high


def test_two_cells_are_compared_over_the_seeds_that_both_have():
    answers, clusters = drawn(6, cells=2, seeds=4)
    one = dict(zip([3, 0, 1, 7], answers[0], strict=False))
    other = dict(zip([1, 3, 7, 9], answers[1], strict=False))
    (found,) = difference("one − other", one, other, clusters)
    paired = np.array([[of[seed] for seed in (1, 3, 7)] for of in (one, other)])
    assert (found,) == effects({"one − other": (1, -1)}, paired, clusters)
    assert found.seeds == 3


def test_cells_without_a_shared_seed_are_not_compared():
    answers, clusters = drawn(7, cells=2, seeds=1)
    assert difference("d", {0: answers[0, 0]}, {1: answers[1, 0]}, clusters) == ()
    assert difference("d", {0: 0.5}, {}) == ()


def test_numbers_and_answers_are_stacked_alike():
    assert over_shared_seeds([{2: 0.2, 1: 0.1}, {1: 0.3, 2: 0.4}]).tolist() == [
        [0.1, 0.2],
        [0.3, 0.4],
    ]
    assert over_shared_seeds([{1: [True, False]}, {1: [True, True]}]).shape == (2, 1, 2)


@pytest.mark.parametrize(
    ("given", "corrected"),
    [
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.5, 0.02, None], [0.5, 0.04, None]),
        ([0.6, 0.9, 0.4], [1, 1, 1]),
        ([None], [None]),
        ([], []),
    ],
)
def test_holm_multiplies_the_least_p_by_the_number_of_tests_and_keeps_their_order(given, corrected):
    assert holm(given) == pytest.approx(corrected)


@pytest.mark.parametrize("seeds", [3, 5])
def test_where_seeds_move_the_cells_of_one_factor_together_its_effect_is_not_found_too_often(seeds):
    rng = np.random.default_rng(seeds)
    found = []
    for _ in range(300):
        luck = np.repeat(rng.normal(size=(2, seeds)), 2, axis=0)
        (one, *_) = effects(THREE, luck + 0.1 * rng.normal(size=(4, seeds)))
        found.append(one.p < 0.05)
    assert 0.02 < np.mean(found) < 0.09


def rejected(times, **kind):
    """Share of drawn experiments in which each of THREE is found."""
    found = np.array(
        [[effect.p < 0.05 for effect in effects(THREE, *drawn(i, **kind))] for i in range(times)]
    )
    return found.mean(axis=0)


@pytest.mark.parametrize(("seeds", "run_sd"), [(3, 0), (3, 0.1), (5, 0.1), (10, 0.1)])
def test_no_effect_is_found_about_once_in_twenty(seeds, run_sd):
    rates = rejected(400, seeds=seeds, run_sd=run_sd, queries=200, groups=40)
    assert np.all(rates > 0.005)
    assert np.all(rates < 0.10)


def test_an_effect_is_found_more_often_with_more_seeds():
    rates = [
        rejected(200, seeds=seeds, run_sd=0.1, effect=0.15, queries=200, groups=40)[0]
        for seeds in (3, 5, 10)
    ]
    assert rates[0] + 0.1 < rates[1]
    assert rates[1] + 0.1 < rates[2]
