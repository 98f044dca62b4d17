"""Finds what belongs together because it shares something."""

from collections.abc import Sequence

import numpy as np

from biencoder.arrays import Ints


def connected(things: Sequence[Ints]) -> Ints:
    """Label the connected components of N items that share any of their things, [N].

    Each of `things` [N] numbers one thing of each item; equal numbers are one thing, in whichever
    of the arrays they stand.
    """
    # Imported here, because only the end of a run, and a table without splits, need it.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(things[0])
    nodes = np.concatenate(things) + count
    items = np.tile(np.arange(count), len(things))
    size = int(nodes.max(initial=count)) + 1
    graph = coo_array((np.ones(len(nodes), dtype=np.int8), (items, nodes)), shape=(size, size))
    labels: Ints = connected_components(graph, directed=False)[1][:count]
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)
