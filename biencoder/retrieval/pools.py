"""Ranks the eight candidate pools of the literature, as masks over one order by distance.

Relative to a point, a candidate's debate is the `same` debate and stance, the `oppo`site stance of
the same debate, the same `theme` (domain) in another debate, or the rest of the `portal`. Names and
pools are those of Wachsmuth, Syed, Stein: Retrieval of the Best Counterargument, ACL 2018, table 3.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from biencoder.data.corpus import Split
from biencoder.retrieval.embedding import Embeddings
from biencoder.retrieval.neighbors import Indices, first_where, gather_numpy_rows
from biencoder.retrieval.ranking import K, Ranking, Scorer, pair_scores
from biencoder.runtime import distributed

GROUPS = ("same", "oppo", "theme", "portal")

#: Pool → (groups whose counters it holds, groups whose points it holds), beside the gold counter.
POOLS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "sdoc": (("same",), ()),
    "sdc": (("same", "oppo"), ()),
    "sdoa": (("same",), ("oppo",)),
    "sda": (("same", "oppo"), ("same", "oppo")),
    "stc": (("same", "oppo", "theme"), ()),
    "sta": (("same", "oppo", "theme"), ("same", "oppo", "theme")),
    "epc": (GROUPS, ()),
    "epa": (GROUPS, GROUPS),
}

#: Queries ranked at a time; a block holds some 20 bytes for each of its query–candidate pairs.
BLOCK = 256

# A candidate's kind: its group, plus 4 for a point; or one of these.
_GOLD, _OUTSIDE = 8, 9


@dataclass(frozen=True)
class Retrieved:
    """Rankings of every pool, and the nearest candidates of the widest, `epa`.

    `nearest_rank` [N] is the own counter's place by distance among all candidates, from 1;
    `distances` [N, K] are those of `rankings['epa'].candidates`, inf where the pool ran out.
    """

    rankings: dict[str, Ranking]
    nearest_rank: npt.NDArray[np.int64]
    distances: npt.NDArray[np.float64]


def kinds(split: Split, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Classify each candidate relative to the points `rows` [R]: shape [R, 2N], counters first.

    The group's number in `GROUPS` for a counter, 4 more for a point, 8 for the gold counter, 9
    for what the corpus counts in no pool: the point itself and copies of the gold counter's text.
    """
    pairs = split.pairs
    domain = pairs.groupby("domain").ngroup().to_numpy()
    debate = pairs.groupby(["domain", "title"]).ngroup().to_numpy()
    stance = (pairs["stance"] == "pro").to_numpy()
    in_debate = debate[rows, None] == debate
    in_domain = domain[rows, None] == domain
    opposite = stance[rows, None] != stance
    group = np.where(in_debate, opposite, np.where(in_domain, 2, 3)).astype(np.uint8)
    kind = np.concatenate([group, group + 4], axis=1)
    kind[split.counter_ids[rows, None] == split.candidate_ids] = _OUTSIDE
    places = np.arange(len(rows))
    kind[places, rows] = _GOLD
    kind[places, rows + len(split)] = _OUTSIDE
    return kind


@torch.no_grad()
def retrieve(split: Split, embeddings: Embeddings, model: Scorer) -> Retrieved:
    """Rank every pool of every point: its own K nearest, rescored by the pair head.

    All candidates are sorted by distance once; a pool is the first K of a mask over that order,
    which leaves out the point's own texts but the gold counter. The processes of a run share the
    points, and each gets all answers.
    """
    sim = embeddings.sim.double()
    tied = np.argsort(split.ties, kind="stable")  # candidates in the order of equal distances
    pool_texts = torch.from_numpy(split.candidate_ids[tied]).to(sim.device)
    found = {pool: np.zeros((len(split), K), dtype=np.int64) for pool in POOLS}
    nearest_rank = np.zeros(len(split), dtype=np.int64)
    distances = np.zeros((len(split), K))
    blocks = _blocks(len(split))
    own = [blocks[number] for number in distributed.shard(len(blocks))]
    for rows in own:
        points = torch.from_numpy(split.point_ids[rows]).to(sim.device)
        # Copies of one text get one distance, so that their tie is exact and broken by order. By
        # differences: a matrix product would lose what tells close embeddings apart.
        to_texts = torch.cdist(sim[points], sim, compute_mode="donot_use_mm_for_euclid_dist")
        by_distance, order_on_device = to_texts[:, pool_texts].sort(dim=1, stable=True)
        order = tied[order_on_device.cpu().numpy()]
        is_own = np.zeros((len(rows), len(split.texts)), dtype=bool)
        is_own[split.own_texts(split.point_ids[rows])] = True
        kind = kinds(split, rows)
        kind[is_own[:, split.candidate_ids] & (kind != _GOLD)] = _OUTSIDE
        kind = np.take_along_axis(kind, order, axis=1)
        for pool in POOLS:
            found[pool][rows] = first_where(_members(pool)[kind], order, K)
        candidates = kind != _OUTSIDE
        is_gold = kind == _GOLD
        nearest_rank[rows] = (np.cumsum(candidates, axis=1) * is_gold).max(axis=1)
        distances[rows] = first_where(candidates, by_distance.cpu().numpy(), K)
    mine = np.concatenate([np.empty(0, np.int64), *own])
    found = {pool: gather_numpy_rows(answers, mine) for pool, answers in found.items()}
    scored = _scored(split, embeddings, model, found)
    return Retrieved(
        scored, gather_numpy_rows(nearest_rank, mine), gather_numpy_rows(distances, mine)
    )


def _members(pool: str) -> npt.NDArray[np.bool_]:
    """Mark the kinds of candidates that belong to a pool, [10]."""
    counters, points = POOLS[pool]
    chosen = [group in counters for group in GROUPS] + [group in points for group in GROUPS]
    return np.array([*chosen, True, False])


def _scored(
    split: Split, embeddings: Embeddings, model: Scorer, candidates: dict[str, Indices]
) -> dict[str, Ranking]:
    """Score the pools' candidates by the pair head, each pair once, since the pools overlap."""
    stacked = np.stack(list(candidates.values()))
    width = 2 * len(split)
    key = np.where(stacked >= 0, stacked + width * np.arange(len(split))[:, None], 0)
    distinct, position = np.unique(key, return_inverse=True)
    scores = pair_scores(split, embeddings, model, distinct // width, distinct % width)
    stacked_scores = np.where(stacked >= 0, scores[position.reshape(key.shape)], np.float32("-inf"))
    return {
        pool: Ranking(found, scores_of_pool)
        for (pool, found), scores_of_pool in zip(candidates.items(), stacked_scores, strict=True)
    }


def _blocks(count: int) -> list[npt.NDArray[np.int64]]:
    return np.array_split(np.arange(count), -(-count // BLOCK))
