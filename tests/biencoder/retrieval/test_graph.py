"""The graph of neighbours beside the exact search."""

import numpy as np
import pytest
import torch

from biencoder.retrieval import graph
from biencoder.retrieval.exact_search import ExactSearch
from biencoder.retrieval.neighbors import find

pytest.importorskip("faiss")


@pytest.fixture
def search(tmp_path, monkeypatch):
    """A graph over 2,000 vectors, built in three turns."""
    monkeypatch.setattr(graph, "CHUNK", 750)
    vectors = torch.randn(2000, 16, generator=torch.Generator().manual_seed(0))
    graph.build(vectors.numpy(), tmp_path / "graph")
    return graph.GraphSearch(tmp_path / "graph", vectors, np.arange(len(vectors)))


def itself(question, text):
    return question == text


def test_it_finds_nearly_all_neighbours_and_their_distances_are_exact(search):
    vectors = search.candidates
    exact = ExactSearch(vectors, search.order)
    found, distances = find(search, vectors[:100], 10, itself)
    true, _ = find(exact, vectors[:100], 10, itself)
    assert (
        np.mean([np.isin(one, other).mean() for one, other in zip(true, found, strict=True)]) > 0.95
    )
    offsets = vectors[torch.from_numpy(found)] - vectors[:100, None]
    np.testing.assert_allclose(distances, torch.linalg.vector_norm(offsets, dim=2), atol=1e-5)
    assert (np.diff(distances) >= 0).all()
    assert not (found == np.arange(100)[:, None]).any()


def test_its_recall_is_the_share_of_true_neighbours_that_it_finds(search, monkeypatch):
    assert graph.recall(search, 10) > 0.95
    monkeypatch.setattr(search, "query", lambda queries, fetch: (
        np.zeros((len(queries), fetch), dtype=np.int64),
        np.zeros((len(queries), fetch)),
        np.full(len(queries), np.inf),
    ))  # fmt: skip
    assert graph.recall(search, 10) < 0.1


def test_where_it_finds_too_few_the_places_left_are_empty(tmp_path):
    vectors = torch.eye(3, 16)
    graph.build(vectors.numpy(), tmp_path / "graph")
    few = graph.GraphSearch(tmp_path / "graph", vectors, np.arange(len(vectors)))
    rows, distances = find(few, vectors, 5, itself)
    assert (np.sort(rows) == [[-1, -1, -1, 1, 2], [-1, -1, -1, 0, 2], [-1, -1, -1, 0, 1]]).all()
    assert np.isinf(distances[:, 2:]).all()


def test_a_graph_that_cannot_be_written_is_an_error_of_the_system(tmp_path):
    with pytest.raises(OSError, match="graph"):
        graph.build(np.eye(3, dtype=np.float32), tmp_path / "none" / "graph")
