"""Scores pairs: the pair head's log-odds that a text is the counter, less the text's hubness."""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from biencoder.arrays import Ints
from biencoder.retrieval.embedding import Embeddings
from biencoder.retrieval.neighbors import nearest
from biencoder.runtime import distributed

#: Candidates that the pair head rescores, and neighbours that a text's hubness comes from.
K = 10

#: Pairs scored at a time: 1,536 features of 4 bytes each take 6 MB, which a CPU's caches hold.
PAIRS_AT_A_TIME = 1024


class Scorer(Protocol):
    """Interface of a model that scores pairs; see `BiEncoder`."""

    hubness_weight: float

    def pair_score(self, sim_a: Tensor, h_a: Tensor, sim_b: Tensor, h_b: Tensor) -> Tensor: ...


@torch.no_grad()
def pair_scores(
    points: Embeddings, texts: Embeddings, model: Scorer, queries: Ints, candidates: Ints
) -> npt.NDArray[np.float32]:
    """Compute the pair head's log-odds that a candidate is a point's counter, for P pairs → [P].

    `queries` [P] are rows of `points`, `candidates` [P] rows of `texts`. The processes of a run
    share the pairs, and each gets all scores.
    """
    device = points.sim.device
    own = distributed.shard(len(queries))
    scores = [torch.empty(0, device=device)]
    for start in range(0, len(own), PAIRS_AT_A_TIME):
        block = own[start : start + PAIRS_AT_A_TIME]
        point, text = points.take(queries[block]), texts.take(candidates[block])
        scores.append(model.pair_score(point.sim, point.h, text.sim, text.h))
    rows = torch.from_numpy(own).to(device)
    return distributed.all_gather_rows(torch.cat(scores), rows, len(queries)).cpu().numpy()


def hubness_of(
    texts: Embeddings, model: Scorer, after_round: Callable[[], None] = lambda: None
) -> npt.NDArray[np.float32]:
    """Compute what counts against each of T distinct texts as an answer, [T], in log-odds.

    It is `hubness_weight` times the log-sum-exp of the head's log-odds with the text as the point
    and its K nearest others as candidates: a text that is well answered by another one, as a point
    is by its counter, is hardly the counter to a third. That is akin to an inverted softmax (Smith
    et al., 2017, arXiv:1702.03859), whose sum has the text as the answer. A split's pools share it,
    though the smaller ones hold but a part of the split's texts. `after_round` is as for `nearest`.
    """
    if not model.hubness_weight:
        return np.zeros(len(texts.sim), dtype=np.float32)
    near, _ = nearest(texts.sim, texts.sim, K, np.equal, after_round=after_round)
    text, place = np.nonzero(near >= 0)
    scores = np.full(near.shape, -np.inf, dtype=np.float32)
    scores[text, place] = pair_scores(texts, texts, model, text, near[text, place])
    matched = np.logaddexp.reduce(scores, axis=1)
    return np.where(np.isfinite(matched), model.hubness_weight * matched, np.float32(0))
