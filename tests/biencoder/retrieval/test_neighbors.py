import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from biencoder.retrieval import exact_search, neighbors
from biencoder.retrieval.neighbors import SEARCHES, nearest

every_engine = pytest.mark.parametrize("engine", SEARCHES)


def nobody(query, candidate):
    return np.zeros(np.broadcast_shapes(query.shape, candidate.shape), dtype=bool)


def plain_loop(candidates, queries, k, excluded):
    """The k nearest by a sort of all (distance, row), one query at a time."""
    found = np.full((len(queries), k), -1)
    for number, query in enumerate(queries):
        by_distance = sorted(
            (float(((query - candidate) ** 2).sum()), row)
            for row, candidate in enumerate(candidates)
            if not excluded(np.array([[number]]), np.array([[row]]))[0, 0]
        )
        for place, (_, row) in enumerate(by_distance[:k]):
            found[number, place] = row
    return found


# Whole coordinates in a small range: many exact ties, and distances that are exact in float64.
grids = st.integers(1, 60).flatmap(
    lambda rows: st.lists(
        st.lists(st.integers(-2, 2), min_size=2, max_size=2), min_size=rows, max_size=rows
    )
)


@every_engine
@settings(max_examples=150, deadline=None)
@given(candidates=grids, queries=grids, k=st.integers(1, 12), modulus=st.integers(1, 5))
def test_the_neighbours_are_those_of_a_plain_loop_with_ties_and_exclusions(
    engine, candidates, queries, k, modulus
):
    def excluded(query, candidate):
        return (query + candidate) % modulus == 1

    candidates = torch.tensor(candidates, dtype=torch.float32)
    queries = torch.tensor(queries, dtype=torch.float32)
    rows, distances = nearest(candidates, queries, k, excluded, engine)
    expected = plain_loop(candidates.numpy(), queries.numpy(), k, excluded)
    np.testing.assert_array_equal(rows, expected)
    assert (np.isinf(distances) == (rows < 0)).all()


def clusters(count, size, spread, offset=0.0, seed=0):
    """Candidates in tight clusters, some of them twice, far from the origin if need be."""
    draw = torch.Generator().manual_seed(seed)
    centres = torch.randn(count // 8, size, generator=draw)
    candidates = centres.repeat(8, 1) + spread * torch.randn(count // 8 * 8, size, generator=draw)
    return torch.cat([candidates, candidates[::5]]) + offset


@pytest.mark.parametrize("spread", [1.0, 1e-3, 1e-6, 0.0])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_the_engines_agree_however_close_and_far_off_the_candidates_lie(spread, offset):
    candidates = clusters(2000, 128, spread, offset)
    found = [
        nearest(candidates, candidates[::7], 10, lambda query, row: row == 7 * query, engine)
        for engine in SEARCHES
    ]
    np.testing.assert_array_equal(found[0][0], found[1][0])
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-12)


def test_signals_are_heeded_between_rounds_of_queries(monkeypatch):
    monkeypatch.setattr(neighbors, "ROUND", 16)
    draw, rounds = torch.rand(50, 3), []
    in_rounds = nearest(draw, draw, 4, nobody, after_round=lambda: rounds.append(True))
    assert len(rounds) == 4
    np.testing.assert_array_equal(in_rounds[0], nearest(draw, draw, 4, nobody)[0])


def test_an_outlier_hides_no_neighbour():
    candidates = clusters(800, 16, 0.1)
    candidates[3] = 1e6
    found = [nearest(candidates, candidates[:50], 5, nobody, engine) for engine in SEARCHES]
    np.testing.assert_array_equal(found[0][0], found[1][0])


@every_engine
def test_collapsed_embeddings_give_the_first_candidates(engine):
    rows, distances = nearest(torch.ones(100, 3), torch.ones(2, 3), 4, nobody, engine)
    assert rows.tolist() == [[0, 1, 2, 3]] * 2
    assert (distances == 0).all()


@every_engine
def test_blocks_change_nothing(engine, monkeypatch):
    draw = torch.Generator().manual_seed(0)
    candidates, queries = torch.rand(200, 8, generator=draw), torch.rand(50, 8, generator=draw)
    at_once = nearest(candidates, queries, 5, nobody, engine)
    monkeypatch.setattr(exact_search, "NUMBERS_AT_A_TIME", 1000)
    monkeypatch.setattr(exact_search, "LEAST_QUERIES", 1)
    in_blocks = nearest(candidates, queries, 5, nobody, engine)
    np.testing.assert_array_equal(at_once[0], in_blocks[0])


@every_engine
@pytest.mark.parametrize("k", [3, 5])
def test_places_that_no_candidate_fills_hold_minus_one(engine, k):
    candidates = torch.tensor([[0.0], [1.0], [2.0]])
    rows, _ = nearest(
        candidates, candidates[:1], k, lambda query, candidate: candidate == 0, engine
    )
    assert rows.tolist() == [[1, 2] + [-1] * (k - 2)]
