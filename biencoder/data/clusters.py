"""Finds which pairs belong together, because they share a debate or a text."""

import numpy as np
import pandas as pd

from biencoder.data.candidates import NOT_TOLD
from biencoder.data.corpus import Split
from biencoder.data.groups import Ids, connected


def clusters(split: Split) -> Ids:
    """Label the connected components of pairs linked by a debate title or an equal text, [N].

    Answers within a cluster are not independent, so the uncertainty of a figure depends on the
    number of clusters. A title counts without its domain, because debates are filed under several;
    one that is not told links nothing.
    """
    titles = pd.factorize(split.pairs["title"])[0]
    told = (split.pairs["title"] != NOT_TOLD).to_numpy()
    alone = len(split) + np.arange(len(split))
    return connected(
        [split.point_ids, split.counter_ids, len(split.texts) + np.where(told, titles, alone)]
    )
