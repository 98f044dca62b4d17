"""Approximate nearest neighbours by a graph of near texts, where faiss is installed.

Hierarchical navigable small worlds: Malkov and Yashunin, 2016. The graph proposes candidates; their
distances are computed as the exact search does.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from biencoder.arrays import Floats, Ints
from biencoder.retrieval import exact_search
from biencoder.retrieval.exact_search import ExactSearch
from biencoder.retrieval.neighbors import find
from biencoder.runtime.console import progress

#: Texts from which an index gets a graph: there exact search takes as long as embedding a question
#: of one sentence. Measured by `tests/benchmarks/bench_index.py`.
LEAST_TEXTS = 500_000

#: Edges of a text; candidates looked at when the graph is searched.
EDGES, SEARCH_WIDTH = 32, 512

#: Texts added to it at a time; those whose neighbours are searched both ways to measure recall.
CHUNK, SAMPLE = 10_000, 500


def is_installed() -> bool:
    """Return whether faiss, an optional dependency, is there."""
    return find_spec("faiss") is not None


def build(vectors: np.ndarray, path: Path) -> None:
    """Build the graph of vectors [T, D] and write it to `path`. Raises `OSError`."""
    import faiss

    built = faiss.IndexHNSWFlat(vectors.shape[1], EDGES)
    with progress("building the graph", len(vectors), "text") as bar:
        for start in range(0, len(vectors), CHUNK):
            built.add(vectors[start : start + CHUNK])
            bar.update(len(vectors[start : start + CHUNK]))
    try:
        faiss.write_index(built, str(path))
    except RuntimeError as error:  # a full disk, say
        raise OSError(str(error)) from None


class GraphSearch:
    """A search engine, see `neighbors.Search`, whose answers are approximate."""

    def __init__(self, path: Path, candidates: Tensor, order: Ints) -> None:
        import faiss

        self.candidates = candidates
        self.order, self.position = order, np.argsort(order)
        self.graph: Any = faiss.read_index(str(path))

    def query(self, queries: Tensor, fetch: int) -> tuple[Ints, Floats, Floats]:
        self.graph.hnsw.efSearch = max(SEARCH_WIDTH, fetch)
        rows = self.graph.search(queries.cpu().numpy(), fetch)[1]
        found = self.candidates[torch.from_numpy(rows)]
        distances = exact_search.row_distances(queries[:, None], found).cpu().numpy()
        # −1 stands for a place that the graph found nothing for.
        return rows, np.where(rows < 0, np.inf, distances), np.full(len(rows), np.inf)

    def together(self, fetch: int) -> int:
        return max(1, exact_search.NUMBERS_AT_A_TIME // (4 * fetch * self.candidates.shape[1]))


def recall(search: GraphSearch, k: int) -> float:
    """Measure the share of the k nearest texts of a text that the graph finds, over a sample."""
    candidates = search.candidates
    asked = np.linspace(0, len(candidates) - 1, min(SAMPLE, len(candidates))).astype(np.int64)

    def itself(question: Ints, text: Ints) -> Any:
        return asked[question] == text

    questions = candidates[torch.from_numpy(asked)]
    ways = (search, ExactSearch(candidates, search.order))
    found, true = (find(way, questions, k, itself)[0] for way in ways)
    shares = [np.isin(one, other).mean() for one, other in zip(true, found, strict=True)]
    return float(np.mean(shares))
