"""Nearest neighbours by Euclidean distance, exact, with ties in a fixed order."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from sklearn.neighbors import BallTree

from biencoder import processes

Indices = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
#: (query rows [Q, 1], candidate rows [Q, m]) → True where the query must not be given the candidate
Excluded = Callable[[Indices, Indices], npt.NDArray[np.bool_]]

#: Distances held at a time while searching (16 bytes each): bounds memory on any corpus.
BLOCK = 4_000_000


def nearest(
    candidates: npt.NDArray[np.float32],
    queries: npt.NDArray[np.float32],
    k: int,
    excluded: Excluded,
) -> tuple[Indices, Floats]:
    """The k nearest candidates of each query among those that `excluded` lets pass.

    Candidates [C, D], queries [Q, D] → (rows of candidates [Q, k], distances [Q, k]), nearest
    first; equal distances come in the candidates' order. Where fewer than k pass, the places left
    hold −1 and inf. The processes of a run share the queries, and each gets all answers.
    """
    tree = BallTree(candidates)
    total = len(candidates)
    rows = np.zeros((len(queries), k), dtype=np.int64)
    distances = np.zeros((len(queries), k))
    pending = processes.share(len(queries))
    rows[pending], distances[pending] = -1, np.inf
    fetch = min(total, k + 8)
    while len(pending):
        unsettled = []
        for block in np.array_split(pending, max(1, len(pending) * fetch // BLOCK)):
            found_distances, found = tree.query(queries[block], fetch)
            order = np.lexsort((found, found_distances))
            found = np.take_along_axis(found, order, 1)
            found_distances = np.take_along_axis(found_distances, order, 1)
            passes = ~excluded(block[:, None], found)
            # Candidates tied with the last one fetched may have been cut off: only those strictly
            # nearer are certain. Where k of them pass, or all were fetched, the query is settled.
            certain = passes & (found_distances < found_distances[:, -1:])
            settled = (certain.sum(1) >= k) | (fetch == total)
            for query, row in zip(block[settled], np.flatnonzero(settled), strict=True):
                kept = np.flatnonzero(passes[row])[:k]
                rows[query, : len(kept)] = found[row, kept]
                distances[query, : len(kept)] = found_distances[row, kept]
            unsettled.append(block[~settled])
        pending = np.concatenate(unsettled)
        fetch = min(total, fetch * 4)
    processes.combine(torch.from_numpy(rows))
    processes.combine(torch.from_numpy(distances))
    return rows, distances
