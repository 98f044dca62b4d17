"""Ranks candidates for every point: nearest by embedding, rescored; top-1."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from biencoder.arrays import Ints
from biencoder.data.corpus import Split
from biencoder.retrieval.embedding import Embeddings
from biencoder.retrieval.neighbors import nearest
from biencoder.retrieval.scoring import K, Scorer, hubness_of, pair_scores


@dataclass(frozen=True)
class Ranking:
    """Retrieved candidates and their scores for each of a split's N points.

    `candidates` [N, K] are rows of the pool (all N counters, then all N points), nearest first, −1
    where the pool ran out; `log_odds` [N, K] are the pair head's, −inf there, and `hubness` [N, K]
    is what counts against each candidate; where the pool ran out it means nothing.
    """

    candidates: Ints
    log_odds: npt.NDArray[np.float32]
    hubness: npt.NDArray[np.float32]

    @property
    def scores(self) -> npt.NDArray[np.float32]:
        """What candidates are ranked by after rescoring, [N, K], −inf where the pool ran out."""
        return self.log_odds - self.hubness

    @property
    def gold(self) -> npt.NDArray[np.bool_]:
        """Marks the gold counter among the candidates, [N, K]."""
        return self.candidates == np.arange(len(self.candidates))[:, None]

    @property
    def rescored_rank(self) -> Ints:
        """Rank of the gold counter after rescoring, 1 to K, 0 where it is not retrieved, [N]."""
        return self._gold_rank(self.scores)

    @property
    def head_rank(self) -> Ints:
        """The same by the pair head alone, without hubness."""
        return self._gold_rank(self.log_odds)

    def _gold_rank(self, scores: npt.NDArray[np.float32]) -> Ints:
        # Equal scores keep the order of distance.
        order = np.argsort(-scores, axis=1, kind="stable")
        gold = np.take_along_axis(self.gold, order, axis=1)
        return np.where(gold.any(1), gold.argmax(1) + 1, 0)


def rank(
    split: Split,
    embeddings: Embeddings,
    model: Scorer,
    neighbors: str = "exact",
    after_round: Callable[[], None] = lambda: None,
) -> Ranking:
    """Retrieve K candidates for every point of `split` and score them.

    The pool of point i is the split's N counters and N points without the point's own texts, but
    for counter i itself: a text is not its own counter, and another counter of an equal point is
    no wrong answer. `embeddings` has a row for each of `split.texts`; `neighbors` names the engine
    that searches, `after_round` is as for `nearest`.
    """
    pool, points = split.candidate_ids, split.point_ids

    def excluded(query: Ints, candidate: Ints) -> npt.NDArray[np.bool_]:
        return split.is_own(points[query], pool[candidate]) & (candidate != query)

    sim = embeddings.sim
    candidates, _ = nearest(sim[pool], sim[points], K, excluded, neighbors, split.ties, after_round)
    query, place = np.nonzero(candidates >= 0)
    texts = pool[candidates[query, place]]
    log_odds = np.full(candidates.shape, -np.inf, dtype=np.float32)
    log_odds[query, place] = pair_scores(embeddings, embeddings, model, points[query], texts)
    return Ranking(
        candidates, log_odds, hubness_of(embeddings, model, after_round)[pool[candidates]]
    )


def metrics(ranking: Ranking, among: npt.NDArray[np.bool_] | None = None) -> dict[str, float]:
    """Compute the figures of an `eval` event, over all points or the subset `among` [N].

    top1 (share of points whose answer is their own counter), hits, n, head_top1 (by the pair head
    alone, without hubness), nearest_top1 (the nearest candidate without the head), recall_at_10
    (the ceiling of the rescoring), mrr_at_10 (after rescoring). Shares of an empty subset are NaN.
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
        "head_top1": share((ranking.head_rank[chosen] == 1).sum()),
        "nearest_top1": share(gold[:, 0].sum()),
        "recall_at_10": share(gold.any(1).sum()),
        "mrr_at_10": share(sum((1 / ranks[ranks > 0]).tolist())),
    }
