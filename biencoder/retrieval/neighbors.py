"""Nearest neighbours by Euclidean distance, exact, with ties in a fixed order.

Two engines find the same neighbours. `exact` compares every query with every candidate by matrix
products, on the device where the embeddings are. `ball_tree` (scikit-learn) is the reference; in
128 dimensions a tree prunes next to nothing.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from sklearn.neighbors import BallTree
from torch import Tensor

from biencoder.runtime import distributed

Indices = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
#: (query rows [Q, 1], candidate rows [Q, m]) → True where the query must not be given the candidate
Excluded = Callable[[Indices, Indices], npt.NDArray[np.bool_]]

#: Numbers held at a time while searching (4 or 8 bytes each), few enough for a CPU's caches; but
#: never fewer queries than a matrix product needs to be worth its while. So memory grows with the
#: candidates, not with their square.
BLOCK = 8_000_000
LEAST_QUERIES = 128


class Search(Protocol):
    """A search engine over a set of candidates."""

    def query(self, queries: Tensor, fetch: int) -> tuple[Indices, Floats, Floats]:
        """Find about `fetch` nearest candidates of queries [Q, D], or all where there are fewer.

        Returns rows [Q, F] and distances [Q, F] in any order, and the distance below which
        results are complete, [Q]; inf where they are all candidates.
        """
        ...

    def numbers(self, fetch: int) -> int:
        """Return how many numbers a query holds in memory while it is answered."""
        ...


class ExactSearch:
    """Compares every query with every candidate, first in float32, then the nearest in float64.

    With q and c centred, |q − c|² = |q|² + |c|² − 2 q·c. In float32 that is off by less than
    `slack` · (|q|² + |c|²), so that, with norms smaller by that much, it is never above the truth.
    """

    def __init__(self, candidates: Tensor) -> None:
        self.candidates = candidates
        self.centre = candidates.double().mean(0)
        centred = (candidates.double() - self.centre).float()
        self.slack = 2 * (candidates.shape[1] + 16) * torch.finfo(torch.float32).eps
        norms = (1 - self.slack) * centred.square().sum(1, keepdim=True)
        #: (−2 c, |c|²) · (q, 1): one product, without a pass over the result to add the norms.
        self.extended = torch.cat([-2 * centred, norms], 1)
        self.bounds = centred.new_empty(0)

    def query(self, queries: Tensor, fetch: int) -> tuple[Indices, Floats, Floats]:
        rows, distances, complete_below = self.on_device(queries, fetch)
        return rows.cpu().numpy(), distances.cpu().numpy(), complete_below.cpu().numpy()

    def on_device(self, queries: Tensor, fetch: int) -> tuple[Tensor, Tensor, Tensor]:
        """Compute what `query` returns, where the queries are."""
        centred = (queries.double() - self.centre).float()
        if len(self.bounds) < len(queries):  # kept, since fresh memory costs as much as the product
            self.bounds = centred.new_empty(len(queries), len(self.candidates))
        extended = torch.cat([centred, torch.ones_like(centred[:, :1])], 1)
        bounds = torch.mm(extended, self.extended.T, out=self.bounds[: len(queries)])
        lowest, rows = _smallest(bounds, min(fetch, len(self.candidates)))
        offsets = self.candidates[rows].double() - queries.double()[:, None]
        distances = offsets.square().sum(2).sqrt()
        norms = (1 - self.slack) * centred.square().sum(1)
        complete_below = (lowest[:, -1] + norms).clamp(min=0).double().sqrt()
        if fetch >= len(self.candidates):
            complete_below = torch.full_like(complete_below, torch.inf)
        return rows, distances, complete_below

    def numbers(self, fetch: int) -> int:
        return len(self.candidates) + 4 * fetch * self.candidates.shape[1]


class BallTreeSearch:
    """The reference: scikit-learn's ball tree."""

    def __init__(self, candidates: Tensor) -> None:
        self.count = len(candidates)
        self.tree = BallTree(candidates.cpu().numpy())

    def query(self, queries: Tensor, fetch: int) -> tuple[Indices, Floats, Floats]:
        distances, rows = self.tree.query(queries.cpu().numpy(), min(fetch, self.count))
        return rows, distances, np.where(fetch >= self.count, np.inf, distances[:, -1])

    def numbers(self, fetch: int) -> int:
        return 2 * fetch


#: `--neighbors` → engine.
SEARCHES: dict[str, Callable[[Tensor], Search]] = {
    "exact": ExactSearch,
    "ball_tree": BallTreeSearch,
}


def nearest(
    candidates: Tensor,
    queries: Tensor,
    k: int,
    excluded: Excluded,
    engine: str = "exact",
    ties: Indices | None = None,
) -> tuple[Indices, Floats]:
    """Find the k nearest candidates of each query among those that are not `excluded`.

    Candidates [C, D], queries [Q, D] → (rows of candidates [Q, k], distances [Q, k]), nearest
    first; equal distances come by `ties` [C], then in the candidates' order. Where fewer than k
    pass, the places left hold −1 and inf. The processes of a run share the queries, and each gets
    all answers.
    """
    search = SEARCHES[engine](candidates)
    keys = np.arange(len(candidates)) if ties is None else ties
    rows = np.zeros((len(queries), k), dtype=np.int64)
    distances = np.zeros((len(queries), k))
    own = pending = distributed.shard(len(queries))
    fetch = k + 8
    while len(pending):
        unsettled = []
        together = max(LEAST_QUERIES, BLOCK // search.numbers(fetch))
        for block in np.array_split(pending, -(-len(pending) // together)):
            on_device = torch.from_numpy(block).to(queries.device)
            found, found_distances, complete_below = search.query(queries[on_device], fetch)
            order = np.lexsort((found, keys[found], found_distances))
            found = np.take_along_axis(found, order, 1)
            found_distances = np.take_along_axis(found_distances, order, 1)
            passes = ~excluded(block[:, None], found)
            # A candidate farther than that distance may be missing from the results: only nearer
            # ones are certain. Where k of these pass, or all were fetched, the query is settled.
            certain = passes & (found_distances < complete_below[:, None])
            settled = (certain.sum(1) >= k) | np.isinf(complete_below)
            rows[block[settled]] = first_where(passes, found, k)[settled]
            distances[block[settled]] = first_where(passes, found_distances, k)[settled]
            unsettled.append(block[~settled])
        pending = np.concatenate(unsettled)
        fetch *= 4
    return gather_numpy_rows(rows, own), gather_numpy_rows(distances, own)


def gather_numpy_rows(values: np.ndarray, own: Indices) -> np.ndarray:
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


def _smallest(values: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Find the `count` smallest values of each row and their columns, as `topk` does, but faster.

    They lie in the groups of columns with the smallest minima, which are found first.
    """
    length = values.shape[1]
    group = 16
    groups = length // group
    if groups < 4 * count:
        return values.topk(count, largest=False)
    # Group g holds the columns g, g + groups, …; the few that are left over are looked at, too.
    minima = values[:, : group * groups].view(-1, group, groups).amin(1)
    chosen = minima.topk(count, largest=False).indices
    members = torch.arange(group, device=values.device)[:, None] * groups
    columns = (chosen[:, None] + members).flatten(1)
    rest = torch.arange(group * groups, length, device=values.device).expand(len(values), -1)
    columns = torch.cat([columns, rest], 1)
    smallest, places = values.gather(1, columns).topk(count, largest=False)
    return smallest, columns.gather(1, places)
