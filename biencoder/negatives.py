"""The negative of every training pair: hard (the nearest wrong text) or random, on a schedule."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from biencoder.corpus import Split
from biencoder.neighbors import Indices, first_where, nearest


@dataclass(frozen=True)
class Negatives:
    """The negatives in force and what the run log says of them.

    `text_ids` [N] indexes the split's `texts`. `passed_over` counts the candidates that stood
    nearer than the hard negative taken but repeat the point's or the counter's text elsewhere in
    the corpus. The distances are quartiles over all pairs.
    """

    text_ids: npt.NDArray[np.int64]
    hard_ratio: float
    hard: int
    random: int
    passed_over: int
    positive_distance: list[float]
    negative_distance: list[float]

    @property
    def figures(self) -> dict[str, Any]:
        """The fields of a `mine` event."""
        return {name: value for name, value in vars(self).items() if name != "text_ids"}


def hard_ratio_at(epoch: int, start: float, step: float) -> float:
    """The share of hard negatives in an epoch: `start`, moved by `step` each epoch, in [0, 1]."""
    return min(1.0, max(0.0, start + epoch * step))


def mine(
    split: Split,
    sim: Tensor,
    hard_ratio: float,
    seed: int,
    epoch: int,
    neighbors: str = "exact",
    retrieved: Indices | None = None,
    anchors: Tensor | None = None,
) -> Negatives:
    """Give every pair of `split` a new negative.

    `sim` [T, 128] are the similarity embeddings of `split.texts`; `neighbors` names the engine that
    searches them. A hard negative is the nearest text among all points and counters of the split
    whose text is neither the point's nor its counter's, and of several as near the first, counters
    before points; a random one is uniform over the same. Which pairs get which, and the random
    texts themselves, depend on seed and epoch alone, not on the model.

    Where the split has been evaluated with the same `sim`, its `Ranking.candidates` are `retrieved`
    [N, K]; they change nothing, and mostly spare the search. `anchors` [T, 128] is where a point
    looks for its counter, unless that is its own embedding.
    """
    anchors = sim if anchors is None else anchors
    rng = np.random.default_rng([seed, epoch, 1])
    is_hard = rng.random(len(split)) < hard_ratio
    text_ids = _random_negatives(split, rng)
    hard_pairs = np.flatnonzero(is_hard)
    passed_over = 0
    if len(hard_pairs):
        text_ids[hard_pairs], passed_over = _hard_negatives(
            split, sim, anchors, hard_pairs, neighbors, retrieved
        )
    vectors = sim.cpu().numpy()
    points = anchors.cpu().numpy()[split.point_ids]
    return Negatives(
        text_ids=text_ids,
        hard_ratio=hard_ratio,
        hard=len(hard_pairs),
        random=len(split) - len(hard_pairs),
        passed_over=passed_over,
        positive_distance=_quartiles(points - vectors[split.counter_ids]),
        negative_distance=_quartiles(points - vectors[text_ids]),
    )


def _random_negatives(split: Split, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Uniform over the split's points and counters; draws again while a pair got its own text."""
    candidates = split.candidate_ids
    drawn = candidates[rng.integers(len(candidates), size=len(split))]
    while len(own := np.flatnonzero((drawn == split.point_ids) | (drawn == split.counter_ids))):
        drawn[own] = candidates[rng.integers(len(candidates), size=len(own))]
    return drawn


def _hard_negatives(
    split: Split,
    sim: Tensor,
    anchors: Tensor,
    pairs: Indices,
    neighbors: str,
    retrieved: Indices | None,
) -> tuple[Indices, int]:
    """(text ids [P], texts passed over) for the pairs with the given rows."""
    pool = split.candidate_ids

    def is_own(pair: Indices, candidate: Indices) -> npt.NDArray[np.bool_]:
        text = pool[candidate]
        return (text == split.point_ids[pair]) | (text == split.counter_ids[pair])

    found = np.full(len(pairs), -1)
    if retrieved is not None:
        # Evaluation passes over no text but these two, so what it found nearest is nearest here.
        near = retrieved[pairs]
        found = first_where((near >= 0) & ~is_own(pairs[:, None], near), near, 1)[:, 0]
    if len(rest := np.flatnonzero(found < 0)):
        queries = anchors[split.point_ids[pairs[rest]]]
        rows, _ = nearest(
            sim[pool], queries, 1, lambda query, row: is_own(pairs[rest][query], row), neighbors
        )
        found[rest] = rows[:, 0]
    text_ids = pool[found]
    return text_ids, _passed_over(split, sim, anchors, pairs, text_ids)


def _passed_over(
    split: Split, sim: Tensor, anchors: Tensor, pairs: Indices, negatives: Indices
) -> int:
    points, counters = split.point_ids[pairs], split.counter_ids[pairs]
    vectors, queries = sim.cpu().numpy(), anchors.cpu().numpy()[points]
    copies = np.bincount(split.candidate_ids, minlength=len(vectors))

    def distance(texts: Indices) -> npt.NDArray[np.float32]:
        return np.linalg.norm(queries - vectors[texts], axis=1)

    # Without a map of the anchors a point lies at distance 0: its copies always stand nearer.
    point_nearer = distance(points) <= distance(negatives)
    counter_nearer = (distance(counters) < distance(negatives)) & (points != counters)
    of_point = copies[points] - np.where(points == counters, 2, 1)
    return int(of_point[point_nearer].sum() + (copies[counters] - 1)[counter_nearer].sum())


def _quartiles(differences: npt.NDArray[np.float32]) -> list[float]:
    lengths = np.linalg.norm(differences, axis=1)
    return [float(value) for value in np.quantile(lengths, [0.25, 0.5, 0.75])]
