"""Nearest neighbours by Euclidean distance, exact, with ties in a fixed order.

Two engines find the same neighbours. `exact` compares every query with every candidate by matrix
products, on the device where the embeddings are. `ball_tree` (scikit-learn) is the reference; in
128 dimensions a tree prunes next to nothing.
"""

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from biencoder.arrays import Floats, Ints
from biencoder.retrieval import exact_search
from biencoder.retrieval.exact_search import ExactSearch
from biencoder.runtime import distributed

#: (query rows [Q, 1], candidate rows [Q, m]) → True where the query must not be given the candidate
Excluded = Callable[[Ints, Ints], npt.NDArray[np.bool_]]

#: Queries of all processes between two moments at which a signal can take effect.
ROUND = 16_384


class Search(Protocol):
    """A search engine over candidates [C, D], made with the order of ties [C].

    `position` [C] is each candidate's place in that order.
    """

    position: Ints

    def query(self, queries: Tensor, fetch: int) -> tuple[Ints, Floats, Floats]:
        """Find about `fetch` nearest candidates of queries [Q, D], or all where there are fewer.

        Returns rows [Q, F] and distances [Q, F] in any order, and the distance below which
        results are complete, [Q]; inf where they are the first F, ties included.
        """
        ...

    def together(self, fetch: int) -> int:
        """Return how many queries to ask at a time, so that memory stays bounded."""
        ...


class BallTreeSearch:
    """The reference: scikit-learn's ball tree."""

    def __init__(self, candidates: Tensor, order: Ints) -> None:
        from sklearn.neighbors import BallTree  # takes a seventh of a run's start

        self.position = np.argsort(order)
        self.tree = BallTree(candidates.cpu().numpy())

    def query(self, queries: Tensor, fetch: int) -> tuple[Ints, Floats, Floats]:
        count = len(self.position)
        distances, rows = self.tree.query(queries.cpu().numpy(), min(fetch, count))
        return rows, distances, np.where(fetch >= count, np.inf, distances[:, -1])

    def together(self, fetch: int) -> int:
        return max(1, exact_search.NUMBERS_AT_A_TIME // (8 * min(fetch, len(self.position))))


#: `--neighbors` → engine.
SEARCHES: dict[str, Callable[[Tensor, Ints], Search]] = {
    "exact": ExactSearch,
    "ball_tree": BallTreeSearch,
}


def nearest(
    candidates: Tensor,
    queries: Tensor,
    k: int,
    excluded: Excluded,
    engine: str = "exact",
    ties: Ints | None = None,
    after_round: Callable[[], None] = lambda: None,
) -> tuple[Ints, Floats]:
    """Find the k nearest candidates of each query among those that are not `excluded`.

    Candidates [C, D], queries [Q, D] → (rows of candidates [Q, k], distances [Q, k]), nearest
    first; equal distances come by `ties` [C], then in the candidates' order. Where fewer than k
    pass, the places left hold −1 and inf. The processes of a run share the queries, and each gets
    all answers; `after_round` is called between rounds of queries, equally often on all.
    """
    order = np.arange(len(candidates)) if ties is None else np.argsort(ties, kind="stable")
    search = SEARCHES[engine](candidates, order)
    rows = np.zeros((len(queries), k), dtype=np.int64)
    distances = np.zeros((len(queries), k))
    own = distributed.shard(len(queries))
    for start in range(0, len(queries), ROUND):
        asked = own[(own >= start) & (own < start + ROUND)]

        def excluded_of_asked(query: Ints, row: Ints, asked: Ints = asked) -> Any:
            return excluded(asked[query], row)

        rows[asked], distances[asked] = find(search, queries[asked], k, excluded_of_asked)
        after_round()
    return gather_numpy_rows(rows, own), gather_numpy_rows(distances, own)


def find(search: Search, queries: Tensor, k: int, excluded: Excluded) -> tuple[Ints, Floats]:
    """Answer queries [Q, D] as `nearest` does, on this process alone, by an engine made before."""
    rows = np.zeros((len(queries), k), dtype=np.int64)
    distances = np.zeros((len(queries), k))
    pending, fetch = np.arange(len(queries)), k + 8
    while len(pending):
        unsettled = []
        for block in np.array_split(pending, -(-len(pending) // search.together(fetch))):
            on_device = torch.from_numpy(block).to(queries.device)
            found, found_distances, complete_below = search.query(queries[on_device], fetch)
            order = np.lexsort((search.position[found], found_distances))
            found = np.take_along_axis(found, order, 1)
            found_distances = np.take_along_axis(found_distances, order, 1)
            passes = ~excluded(block[:, None], found)
            # A candidate farther than that distance may be missing from the results: only nearer
            # ones are certain. Where k of these pass, or all were fetched, the query is settled.
            certain = passes & (found_distances < complete_below[:, None])
            settled = (certain.sum(1) >= k) | (fetch >= len(search.position))
            rows[block[settled]] = first_where(passes, found, k)[settled]
            distances[block[settled]] = first_where(passes, found_distances, k)[settled]
            unsettled.append(block[~settled])
        pending = np.concatenate(unsettled)
        fetch *= 4
    return rows, distances


def gather_numpy_rows(values: np.ndarray, own: Ints) -> np.ndarray:
    """All-gather the rows of `values` [N, …], of which this process has filled in `own`."""
    rows = torch.from_numpy(own)
    gathered = distributed.all_gather_rows(torch.from_numpy(values)[rows], rows, len(values))
    return gathered.numpy()


def first_where(mask: npt.NDArray[np.bool_], values: np.ndarray, count: int) -> np.ndarray:
    """Select the first `count` values of each row where `mask` holds; fill with −1 (ids) or inf."""
    filler = -1 if values.dtype.kind == "i" else np.inf
    chosen = np.full((len(mask), count), filler, dtype=values.dtype)
    place = np.cumsum(mask, axis=1) - 1
    row, column = np.nonzero(mask & (place < count))
    chosen[row, place[row, column]] = values[row, column]
    return chosen
