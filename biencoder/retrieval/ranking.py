"""Ranks candidates for every point: nearest by embedding, rescored by the pair head; top-1."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from biencoder.data.corpus import Split
from biencoder.retrieval.embedding import Embeddings
from biencoder.retrieval.neighbors import Indices, nearest
from biencoder.runtime import distributed

#: Candidates that the pair head rescores.
K = 10

#: Pairs scored at a time: 1,536 features of 4 bytes each take 6 MB, which a CPU's caches hold.
PAIRS_AT_A_TIME = 1024


class Scorer(Protocol):
    """Interface of a model that scores pairs; see `BiEncoder.pair_score`."""

    def pair_score(self, sim_a: Tensor, h_a: Tensor, sim_b: Tensor, h_b: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Ranking:
    """Retrieved candidates and their scores for each of a split's N points.

    `candidates` [N, K] are rows of the pool (all N counters, then all N points), nearest first, −1
    where the pool ran out; `scores` [N, K] are the pair head's log-odds, −inf there.
    """

    candidates: Indices
    scores: npt.NDArray[np.float32]

    @property
    def gold(self) -> npt.NDArray[np.bool_]:
        """Marks the gold counter among the candidates, [N, K]."""
        return self.candidates == np.arange(len(self.candidates))[:, None]

    @property
    def rescored_rank(self) -> npt.NDArray[np.int64]:
        """Rank of the gold counter after rescoring, 1 to K, 0 where it is not retrieved, [N].

        Equal scores keep the order of distance.
        """
        order = np.argsort(-self.scores, axis=1, kind="stable")
        gold = np.take_along_axis(self.gold, order, axis=1)
        return np.where(gold.any(1), gold.argmax(1) + 1, 0)


def rank(
    split: Split,
    embeddings: Embeddings,
    model: Scorer,
    neighbors: str = "exact",
    heed: Callable[[], None] = lambda: None,
) -> Ranking:
    """Retrieve K candidates for every point of `split` and score them with the pair head.

    The pool of point i is the split's N counters and N points without the point's own texts, but
    for counter i itself: a text is not its own counter, and another counter of an equal point is
    no wrong answer. `embeddings` has a row for each of `split.texts`; `neighbors` names the engine
    that searches, `heed` is as for `nearest`.
    """
    pool, points = split.candidate_ids, split.point_ids

    def excluded(query: Indices, candidate: Indices) -> npt.NDArray[np.bool_]:
        return split.is_own(points[query], pool[candidate]) & (candidate != query)

    sim = embeddings.sim
    candidates, _ = nearest(sim[pool], sim[points], K, excluded, neighbors, split.ties, heed)
    query, place = np.nonzero(candidates >= 0)
    scores = np.full(candidates.shape, -np.inf, dtype=np.float32)
    scores[query, place] = pair_scores(split, embeddings, model, query, candidates[query, place])
    return Ranking(candidates, scores)


def metrics(ranking: Ranking, among: npt.NDArray[np.bool_] | None = None) -> dict[str, float]:
    """Compute the figures of an `eval` event, over all points or the subset `among` [N].

    top1 (share of points whose answer is their own counter), hits, n, nearest_top1 (the nearest
    candidate without the head), recall_at_10 (the ceiling of the rescoring), mrr_at_10 (after
    rescoring). Shares of an empty subset are NaN.
    """
    chosen = slice(None) if among is None else among
    ranks, gold = ranking.rescored_rank[chosen], ranking.gold[chosen]
    hits = int((ranks == 1).sum())
    n = len(ranks)

    def share(total: float) -> float:
        return float(total) / n if n else float("nan")

    return {
        "top1": share(hits),
        "hits": hits,
        "n": n,
        "nearest_top1": share(gold[:, 0].sum()),
        "recall_at_10": share(gold.any(1).sum()),
        "mrr_at_10": share(sum((1 / ranks[ranks > 0]).tolist())),
    }


@torch.no_grad()
def pair_scores(
    split: Split, embeddings: Embeddings, model: Scorer, queries: Indices, candidates: Indices
) -> npt.NDArray[np.float32]:
    """Compute the pair head's log-odds that a candidate is a point's counter, for P pairs → [P].

    `queries` [P] are rows of the split, `candidates` [P] rows of its pool. The processes of a run
    share the pairs, and each gets all scores.
    """
    device = embeddings.sim.device
    points = torch.from_numpy(split.point_ids[queries]).to(device)
    texts = torch.from_numpy(split.candidate_ids[candidates]).to(device)
    own = torch.from_numpy(distributed.shard(len(queries))).to(device)
    scores = [torch.empty(0, device=device)]
    for block in own.split(PAIRS_AT_A_TIME):
        point, text = points[block], texts[block]
        scores.append(
            model.pair_score(
                embeddings.sim[point], embeddings.h[point], embeddings.sim[text], embeddings.h[text]
            )
        )
    return distributed.all_gather_rows(torch.cat(scores), own, len(queries)).cpu().numpy()
