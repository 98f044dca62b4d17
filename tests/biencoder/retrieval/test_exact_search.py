import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from biencoder.retrieval import exact_search
from biencoder.retrieval.exact_search import ExactSearch, full_float32


@pytest.mark.parametrize("columns", [5, 700, 705])
def test_the_smallest_of_long_rows_are_those_of_a_sort(columns):
    values = torch.randn(9, columns, generator=torch.Generator().manual_seed(0))
    smallest, places = exact_search._smallest(values, 5)
    assert torch.equal(smallest, values.sort(1).values[:, :5])
    assert torch.equal(values.gather(1, places), smallest)


grids = st.integers(1, 40).flatmap(
    lambda rows: st.lists(
        st.lists(st.integers(-2, 2), min_size=2, max_size=2), min_size=rows, max_size=rows
    )
)


@settings(max_examples=150, deadline=None)
@given(
    points=grids,
    fetch=st.integers(1, 50),
    offset=st.sampled_from([0.0, 1000.0]),
    seed=st.integers(0, 99),
)
def test_the_first_of_all_are_those_of_a_sort_by_distance_then_by_the_order_of_ties(
    points, fetch, offset, seed
):
    candidates = torch.tensor(points, dtype=torch.float32) + offset
    order = np.random.default_rng(seed).permutation(len(candidates))
    search = ExactSearch(candidates, order)
    fetch = min(fetch, len(candidates))
    rows, distances, _ = search._first(candidates, fetch)
    for number, query in enumerate(candidates):
        lengths = (candidates - query).double().square().sum(1).sqrt().numpy()
        expected = np.lexsort((search.position, lengths))[:fetch]
        np.testing.assert_array_equal(rows[number], expected)
        np.testing.assert_allclose(distances[number], lengths[expected])


@settings(max_examples=150, deadline=None)
@given(points=grids, seed=st.integers(0, 99), block=st.sampled_from([1, 8_000_000]))
def test_the_place_of_a_candidate_is_that_of_a_plain_sort_without_what_is_passed_over(
    points, seed, block
):
    rng = np.random.default_rng(seed)
    candidates = torch.tensor(points, dtype=torch.float32)
    search = ExactSearch(candidates, rng.permutation(len(candidates)))
    queries = candidates + torch.from_numpy(rng.integers(-1, 2, candidates.shape)).float()
    targets = rng.integers(len(candidates), size=len(queries))
    passed_over = rng.random((len(queries), len(candidates))) < 0.3
    passed_over[np.arange(len(queries)), targets] = False
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact_search, "NUMBERS_AT_A_TIME", block)  # 1: by comparing with all
        places = search.places(queries, targets, np.nonzero(passed_over))
    for number, query in enumerate(queries):
        lengths = (candidates - query).double().square().sum(1).sqrt().numpy()
        order = np.lexsort((search.position, lengths))
        order = order[~passed_over[number, order]]
        assert places[number] == 1 + np.flatnonzero(order == targets[number])[0]


@pytest.mark.parametrize("spread", [1.0, 1e-3, 1e-6, 0.0])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_places_are_exact_however_close_and_far_off_the_candidates_lie(spread, offset):
    draw = torch.Generator().manual_seed(0)
    centres = torch.randn(50, 128, generator=draw)
    candidates = centres.repeat(20, 1) + spread * torch.randn(1000, 128, generator=draw) + offset
    search = ExactSearch(candidates, np.arange(1000))
    targets = np.arange(1000)[::-1].copy()
    nobody = (np.empty(0, np.int64), np.empty(0, np.int64))
    places = search.places(candidates, targets, nobody)
    lengths = torch.cdist(
        candidates.double(), candidates.double(), compute_mode="donot_use_mm_for_euclid_dist"
    )
    ranked = lengths.sort(dim=1, stable=True).indices
    expected = 1 + (ranked == torch.from_numpy(targets)[:, None]).nonzero()[:, 1]
    np.testing.assert_array_equal(places, expected)


@pytest.mark.parametrize("count", [2_000, 500_000])
def test_however_many_candidates_are_equally_far_memory_stays_bounded(count):
    """At every size of the answer; in numbers held at a time, of 8 bytes."""
    search = ExactSearch(torch.zeros(count, 128), np.arange(count))
    held = [
        search.together(fetch)
        * (count + 4 * fetch * 128 if search._is_refined(fetch) else 8 * count)
        for fetch in 10 * 4 ** np.arange(10).clip(max=9)
        if fetch <= count
    ]
    least = exact_search.LEAST_QUERIES
    assert max(held) <= max(exact_search.NUMBERS_AT_A_TIME, 2 * least * count, 8 * count)


def test_products_are_in_full_float32_whatever_the_environment_allows(monkeypatch):
    """TORCH_ALLOW_TF32_CUBLAS_OVERRIDE=1 starts torch with the precision 'high'."""
    seen, product = [], torch.mm
    monkeypatch.setattr(torch, "mm", lambda *a, **b: seen.append(_precision()) or product(*a, **b))
    torch.set_float32_matmul_precision("high")
    try:
        ExactSearch(torch.randn(9, 4), np.arange(9)).query(torch.randn(2, 4), 3)
        assert _precision() == ("high", True)
    finally:
        torch.set_float32_matmul_precision("highest")
    assert seen == [("highest", False)]
    with full_float32():
        assert _precision() == ("highest", False)


def _precision():
    return torch.get_float32_matmul_precision(), torch.backends.cuda.matmul.allow_tf32
