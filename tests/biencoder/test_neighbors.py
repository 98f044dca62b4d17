import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biencoder import neighbors
from biencoder.neighbors import nearest


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


@settings(max_examples=150, deadline=None)
@given(candidates=grids, queries=grids, k=st.integers(1, 12), modulus=st.integers(1, 5))
def test_the_neighbours_are_those_of_a_plain_loop_with_ties_and_exclusions(
    candidates, queries, k, modulus
):
    def excluded(query, candidate):
        return (query + candidate) % modulus == 1

    candidates = np.array(candidates, dtype=np.float32)
    queries = np.array(queries, dtype=np.float32)
    rows, distances = nearest(candidates, queries, k, excluded)
    np.testing.assert_array_equal(rows, plain_loop(candidates, queries, k, excluded))
    assert (np.isinf(distances) == (rows < 0)).all()


def test_collapsed_embeddings_give_the_first_candidates():
    rows, distances = nearest(np.ones((100, 3), np.float32), np.ones((2, 3), np.float32), 4, nobody)
    assert rows.tolist() == [[0, 1, 2, 3]] * 2
    assert (distances == 0).all()


def test_blocks_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    candidates, queries = rng.random((200, 8), np.float32), rng.random((50, 8), np.float32)
    at_once = nearest(candidates, queries, 5, nobody)
    monkeypatch.setattr(neighbors, "BLOCK", 100)
    in_blocks = nearest(candidates, queries, 5, nobody)
    np.testing.assert_array_equal(at_once[0], in_blocks[0])


@pytest.mark.parametrize("k", [3, 5])
def test_places_that_no_candidate_fills_hold_minus_one(k):
    candidates = np.array([[0.0], [1.0], [2.0]], np.float32)
    rows, _ = nearest(candidates, candidates[:1], k, lambda query, candidate: candidate == 0)
    assert rows.tolist() == [[1, 2] + [-1] * (k - 2)]
