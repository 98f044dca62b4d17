"""Exact nearest neighbours by matrix products, in memory that grows with the candidates alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from biencoder.arrays import Floats, Ints

#: Pairs of a query's row and a candidate's, [M] each.
Pairs = tuple[Ints, Ints]

#: Numbers held at a time while searching (4 or 8 bytes each), few enough for a CPU's caches; but
#: never fewer queries than a matrix product needs to be worth its while. So memory grows with the
#: candidates, not with their square.
NUMBERS_AT_A_TIME = 8_000_000
LEAST_QUERIES = 128


class ExactSearch:
    """Compares every query with every candidate, first in float32, then the nearest in float64.

    With q and c centred, |q − c|² = |q|² + |c|² − 2 q·c. In float32 that is off by less than
    `slack` · (|q|² + |c|²); scaling both squared norms by 1 − slack makes it a lower bound.
    Where too many candidates are about equally far for these bounds to tell them apart, all are
    compared in float64. `order` [C] lists the candidates in the order of ties.
    """

    def __init__(self, candidates: Tensor, order: Ints) -> None:
        self.candidates = candidates
        self.order = torch.from_numpy(order).to(candidates.device)
        self.position = np.argsort(order)
        self.centre = candidates.double().mean(0)
        centred = (candidates.double() - self.centre).float()
        self.slack = 2 * (candidates.shape[1] + 16) * torch.finfo(torch.float32).eps
        self.norms = centred.square().sum(1)
        #: (−2 c, (1 − slack) |c|²) · (q, 1): one product, without a pass to add the norms.
        lowered = (1 - self.slack) * self.norms
        self.extended = torch.cat([-2 * centred, lowered[:, None]], 1)
        self.bounds = centred.new_empty(0)

    def query(self, queries: Tensor, fetch: int) -> tuple[Ints, Floats, Floats]:
        """See `neighbors.Search`."""
        rows, distances, complete_below = self.on_device(queries, fetch)
        return rows.cpu().numpy(), distances.cpu().numpy(), complete_below.cpu().numpy()

    def on_device(self, queries: Tensor, fetch: int) -> tuple[Tensor, Tensor, Tensor]:
        """Compute what `query` returns, where the queries are."""
        fetch = min(fetch, len(self.candidates))
        if not self._is_refined(fetch):
            return self._first(queries, fetch)
        bounds, norms = self._lower_bounds(queries)
        lowest, rows = _smallest(bounds, fetch)
        distances = row_distances(queries[:, None], self.candidates[rows])
        complete_below = (lowest[:, -1] + (1 - self.slack) * norms).clamp(min=0).double().sqrt()
        if fetch == len(self.candidates):
            complete_below = torch.full_like(complete_below, torch.inf)
        return rows, distances, complete_below

    def together(self, fetch: int) -> int:
        """See `neighbors.Search`."""
        count, size = self.candidates.shape
        fetch = min(fetch, count)
        if not self._is_refined(fetch):
            return max(1, NUMBERS_AT_A_TIME // (8 * count))
        return max(LEAST_QUERIES, NUMBERS_AT_A_TIME // (count + 4 * fetch * size))

    def places(self, queries: Tensor, rows: Ints, passed_over: Pairs) -> Ints:
        """Find the place of candidate `rows` [Q] among all candidates of queries [Q, D], from 1.

        `passed_over` lists the candidates that do not count for a query.
        """
        places = np.zeros(len(queries), dtype=np.int64)
        ascending = np.argsort(passed_over[0], kind="stable")
        query, candidate = passed_over[0][ascending], passed_over[1][ascending]
        for start in range(0, len(queries), LEAST_QUERIES):
            block = slice(start, start + LEAST_QUERIES)
            within = slice(*np.searchsorted(query, [block.start, block.stop]))
            without = query[within] - start, candidate[within]
            places[block] = 1 + self._before(queries[block], rows[block], without)
        return places

    def _before(self, queries: Tensor, rows: Ints, without: Pairs) -> Ints:
        """Count the candidates that come before `rows`, by distance, then by the order of ties."""
        target = torch.from_numpy(rows).to(queries.device)
        position = torch.from_numpy(self.position).to(queries.device)
        left_out = tuple(torch.from_numpy(part).to(queries.device) for part in without)
        bounds, norms = self._lower_bounds(queries)
        bounds[left_out] = torch.inf
        distance = row_distances(queries, self.candidates[target])
        reach = (distance.square() - (1 - self.slack) * norms.double()).float()
        above = torch.nextafter(reach, reach.new_tensor(torch.inf))[:, None]
        below = torch.nextafter(reach, reach.new_tensor(-torch.inf))[:, None]
        # The bounds are below the truth by less than twice the slack.
        nearer = bounds + 2 * self.slack * (self.norms + norms[:, None]) < below
        unsure = (bounds <= above) & ~nearer
        count = nearer.sum(1)
        if int(unsure.sum()) > NUMBERS_AT_A_TIME // queries.shape[1]:
            for number, query in enumerate(queries):
                lengths = _all_distances(query[None], self.candidates)[0]
                lengths[left_out[1][left_out[0] == number]] = torch.inf
                mine = lengths[target[number]]
                is_tied = (lengths == mine) & (position < position[target[number]])
                count[number] = (is_tied | (lengths < mine)).sum()
            return count.cpu().numpy()
        query, candidate = unsure.nonzero(as_tuple=True)
        lengths, mine = row_distances(queries[query], self.candidates[candidate]), distance[query]
        is_tied = (lengths == mine) & (position[candidate] < position[target[query]])
        count += torch.bincount(query[is_tied | (lengths < mine)], minlength=len(queries))
        return count.cpu().numpy()

    def _is_refined(self, fetch: int) -> bool:
        """Whether the nearest by bounds are compared again, which takes memory for each of them."""
        count, size = self.candidates.shape
        return 4 * fetch * size <= max(count, NUMBERS_AT_A_TIME // LEAST_QUERIES)

    def _lower_bounds(self, queries: Tensor) -> tuple[Tensor, Tensor]:
        """Compute lower bounds of |q − c|² − (1 − slack) |q|², [Q, C], and |q|², [Q]."""
        centred = (queries.double() - self.centre).float()
        if len(self.bounds) < len(queries):  # kept, since fresh memory costs as much as the product
            self.bounds = centred.new_empty(len(queries), len(self.candidates))
        extended = torch.cat([centred, torch.ones_like(centred[:, :1])], 1)
        with full_float32():
            bounds = torch.mm(extended, self.extended.T, out=self.bounds[: len(queries)])
        return bounds, centred.square().sum(1)

    def _first(self, queries: Tensor, fetch: int) -> tuple[Tensor, Tensor, Tensor]:
        """Find the first `fetch` of all candidates by distance, then by the order of ties."""
        distances = _all_distances(queries, self.candidates)[:, self.order]
        last = distances.kthvalue(fetch, dim=1, keepdim=True).values
        columns = torch.arange(len(self.order), device=queries.device).expand_as(distances)
        # Those nearer than the last are fewer than `fetch`; of those as far, the first fill up.
        is_level = distances == last
        lacking = fetch - (distances < last).sum(1, keepdim=True)
        is_found = (distances < last) | (is_level & (is_level.cumsum(1) <= lacking))
        found = columns[is_found].view(len(queries), fetch)
        lengths, places = distances.gather(1, found).sort(dim=1, stable=True)
        rows = self.order[found.gather(1, places)]
        return rows, lengths, torch.full_like(last[:, 0], torch.inf)


@contextmanager
def full_float32() -> Iterator[None]:
    """Multiply matrices in full float32, whatever the environment allows.

    TF32 (`TORCH_ALLOW_TF32_CUBLAS_OVERRIDE=1`) has 10 bits of a factor: more is lost than `slack`.
    """
    former = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(former)


def row_distances(a: Tensor, b: Tensor) -> Tensor:
    """Distances of vectors `a` [..., D] from `b` [..., D], row by row, in float64, [...]."""
    return (b.double() - a.double()).square().sum(-1).sqrt()


def _all_distances(queries: Tensor, candidates: Tensor) -> Tensor:
    """All distances in float64, [Q, C].

    By differences: a matrix product would lose what tells close embeddings apart.
    """
    parts = [
        torch.cdist(queries.double(), part.double(), compute_mode="donot_use_mm_for_euclid_dist")
        for part in candidates.split(max(1, NUMBERS_AT_A_TIME // candidates.shape[1]))
    ]
    return torch.cat(parts, 1)


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
