"""Mines a negative for every training pair: hard (the nearest wrong text) or random."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from biencoder.arrays import Ints
from biencoder.data.corpus import Split
from biencoder.retrieval.neighbors import first_where, nearest


@dataclass(frozen=True)
class Negatives:
    """Mined negatives and their figures for the run log.

    `text_ids` [N] indexes the split's `texts`. `passed_over` counts the candidates that are nearer
    than the hard negative, but equal to one of the point's own texts; the pair's own point and
    counter are not counted. The distances are quartiles over all pairs.
    """

    text_ids: Ints
    hard_ratio: float
    hard: int
    random: int
    passed_over: int
    positive_distance: list[float]
    negative_distance: list[float]

    @property
    def figures(self) -> dict[str, Any]:
        """Fields of a `mine` event."""
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
    retrieved: Ints | None = None,
) -> Negatives:
    """Mine a new negative for every pair of `split`.

    `sim` [T, 128] are the similarity embeddings of `split.texts`; `neighbors` names the engine that
    searches them. A hard negative is the nearest text among all points and counters of the split
    that is not the point's own; of several equally near ones the first by `Split.ties`. A random
    one is uniform over the same texts. Which pairs get which, and the random texts themselves,
    depend on seed and epoch alone, not on the model.

    Where the split has been evaluated with the same `sim`, its `Ranking.candidates` are `retrieved`
    [N, K]; the negatives are the same, and most of them need no search.
    """
    rng = np.random.default_rng([seed, epoch, 1])
    is_hard = rng.random(len(split)) < hard_ratio
    text_ids = _random_negatives(split, rng)
    hard_pairs = np.flatnonzero(is_hard)
    passed_over = 0
    if len(hard_pairs):
        text_ids[hard_pairs], passed_over = _hard_negatives(
            split, sim, hard_pairs, neighbors, retrieved
        )
    vectors = sim.cpu().numpy()
    points = vectors[split.point_ids]
    return Negatives(
        text_ids=text_ids,
        hard_ratio=hard_ratio,
        hard=len(hard_pairs),
        random=len(split) - len(hard_pairs),
        passed_over=passed_over,
        positive_distance=_quartiles(points - vectors[split.counter_ids]),
        negative_distance=_quartiles(points - vectors[text_ids]),
    )


def _random_negatives(split: Split, rng: np.random.Generator) -> Ints:
    """Draw uniformly from points and counters, again while a pair got one of its own texts."""
    candidates = split.candidate_ids
    drawn = candidates[rng.integers(len(candidates), size=len(split))]
    while len(own := np.flatnonzero(split.is_own(split.point_ids, drawn))):
        drawn[own] = candidates[rng.integers(len(candidates), size=len(own))]
    return drawn


def _hard_negatives(
    split: Split, sim: Tensor, pairs: Ints, neighbors: str, retrieved: Ints | None
) -> tuple[Ints, int]:
    """Find the nearest wrong text of the given pairs: (text ids [P], number passed over)."""
    pool, points = split.candidate_ids, split.point_ids[pairs]
    found = np.full(len(pairs), -1)
    if retrieved is not None:
        # Evaluation passes over the same texts but the gold counter, in the same order.
        near = retrieved[pairs]
        found = first_where((near >= 0) & (near != pairs[:, None]), near, 1)[:, 0]
    if len(rest := np.flatnonzero(found < 0)):
        asking = points[rest]
        rows, _ = nearest(
            sim[pool],
            sim[asking],
            1,
            lambda query, row: split.is_own(asking[query], pool[row]),
            neighbors,
            split.ties,
        )
        found[rest] = rows[:, 0]
    text_ids = pool[found]
    return text_ids, _passed_over(split, sim, pairs, text_ids)


def _passed_over(split: Split, sim: Tensor, pairs: Ints, negatives: Ints) -> int:
    points, counters = split.point_ids[pairs], split.counter_ids[pairs]
    places, texts = split.own_texts(points)
    vectors = sim.cpu().numpy()

    def distance(texts: Ints) -> npt.NDArray[np.float32]:
        return np.linalg.norm(vectors[points[places]] - vectors[texts], axis=1)

    copies = np.bincount(split.candidate_ids)[texts] - (texts == points[places])
    copies -= texts == counters[places]
    return int(copies[distance(texts) < distance(negatives[places])].sum())


def _quartiles(differences: npt.NDArray[np.float32]) -> list[float]:
    lengths = np.linalg.norm(differences, axis=1)
    return [float(value) for value in np.quantile(lengths, [0.25, 0.5, 0.75])]
