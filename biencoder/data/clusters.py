"""Finds which pairs belong together, because they share a debate or a text."""

import numpy as np
import pandas as pd

from biencoder.data.corpus import Ids, Split


def clusters(split: Split) -> Ids:
    """Label the connected components of pairs linked by a debate title or an equal text, [N].

    Answers within a cluster are not independent, so the uncertainty of a figure depends on the
    number of clusters. A title counts without its domain, because debates are filed under several.
    """
    # Imported here, because only the end of a run needs it.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    titles = pd.factorize(split.pairs["title"])[0] + len(split.texts)
    things = np.concatenate([split.point_ids, split.counter_ids, titles]) + len(split)
    pairs = np.tile(np.arange(len(split)), 3)
    size = int(things.max()) + 1
    graph = coo_array((np.ones(len(things), dtype=np.int8), (pairs, things)), shape=(size, size))
    labels: Ids = connected_components(graph, directed=False)[1][: len(split)]
    return np.unique(labels, return_inverse=True)[1].astype(np.int64)
