"""Finds which queries belong together, because they share a debate or a text.

Answers to such queries are not independent, so what is estimated from them is uncertain by the
number of clusters, not of queries (Miller, Adding error bars to evals, 2024).
"""

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]


def clusters(titles: npt.ArrayLike, *texts: npt.ArrayLike) -> Labels:
    """Label the connected components of queries that share a debate title or a text: [Q], from 0.

    `titles`: the title of each query's debate, without its domain, because debates are filed under
    several. `texts`: for each kind of text, points and counters, a key of each query's own: a hash,
    a number or the text itself; equal keys of two kinds are one text. Each is of shape [Q].
    Without texts the titles decide alone, and debates that only share arguments stay apart.
    """
    # Only where it is used: it takes longer to import than most logs to read.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    kinds = [np.asarray(kind) for kind in (titles, *texts)]
    queries = len(kinds[0])
    by_title, by_text = _first_alike(kinds[:1]), _first_alike(kinds[1:] or kinds[:1])
    first = np.concatenate([by_title, by_text]) % queries
    query = np.arange(len(first)) % queries
    links = np.ones(len(first), dtype=np.int8)
    graph = coo_array((links, (query, first)), shape=(queries, queries))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _first_alike(kinds: list[npt.NDArray[np.generic]]) -> Labels:
    """Find the first place with the same key, for each place of these arrays end to end."""
    _, first, which = np.unique(np.concatenate(kinds), return_index=True, return_inverse=True)
    return first[which]
