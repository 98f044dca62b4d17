"""Ranks the eight candidate pools of the literature.

Relative to a point, a candidate's debate is the `same` debate and stance, the `oppo`site stance of
the same debate, the same `theme` (domain) in another debate, or the rest of the `portal`. Names and
pools are those of Wachsmuth, Syed, Stein: Retrieval of the Best Counterargument, ACL 2018, table 3.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from biencoder.arrays import Ints
from biencoder.data.corpus import Split
from biencoder.retrieval.embedding import Embeddings
from biencoder.retrieval.exact_search import ExactSearch, Pairs
from biencoder.retrieval.neighbors import ROUND, find, gather_numpy_rows
from biencoder.retrieval.ranking import Ranking
from biencoder.retrieval.scoring import K, Scorer, hubness_of, pair_scores
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

#: Pool → what a corpus must tell of every pair for it; epc and epa need nothing.
NEEDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("sdoc", "sdoa"), ("title", "stance")),
    **dict.fromkeys(("sdc", "sda"), ("title",)),
    **dict.fromkeys(("stc", "sta"), ("domain",)),
    **dict.fromkeys(("epc", "epa"), ()),
}

# A candidate's kind: its group, plus 4 for a point; or one of these.
_GOLD, _OUTSIDE = 8, 9


@dataclass(frozen=True)
class Retrieved:
    """Rankings of every pool that the split has, and the nearest candidates of the widest, `epa`.

    `nearest_rank` [N] is the own counter's place by distance among all candidates, from 1;
    `distances` [N, K] are those of `rankings['epa'].candidates`, inf where the pool ran out.
    """

    rankings: dict[str, Ranking]
    nearest_rank: Ints
    distances: npt.NDArray[np.float64]


class Relations:
    """How the candidates of a split stand to its points."""

    def __init__(self, split: Split) -> None:
        pairs = split.pairs
        self.split = split
        self.texts = split.candidate_ids
        self.domain = pairs.groupby("domain").ngroup().to_numpy()
        self.debate = pairs.groupby(["domain", "title"]).ngroup().to_numpy()
        self.stance = pairs.groupby("stance").ngroup().to_numpy()

    def kinds(self, points: Ints, candidates: Ints) -> npt.NDArray[np.uint8]:
        """Classify candidates, rows of the pool, relative to points, rows of the split, in one
        shape.

        The kind is the group's number in `GROUPS` for a counter, 4 more for a point, 8 for the gold
        counter, and 9 for what the corpus counts in no pool: the point itself, and copies of the
        gold counter's text.
        """
        count = len(self.split)
        other = candidates % count
        in_debate = self.debate[points] == self.debate[other]
        in_domain = self.domain[points] == self.domain[other]
        opposite = self.stance[points] != self.stance[other]
        group = np.where(in_debate, opposite, np.where(in_domain, 2, 3))
        kind = np.where(candidates < count, group, group + 4).astype(np.uint8)
        is_copy = self.texts[points] == self.texts[candidates]  # of the gold counter
        kind[is_copy | (candidates == points + count)] = _OUTSIDE
        kind[candidates == points] = _GOLD
        return kind

    def excluded(
        self, pool: str, points: Ints, candidates: Ints, query: Ints, place: Ints
    ) -> npt.NDArray[np.bool_]:
        """Mark the candidates that a point is not given: those that are not in the pool, and the
        point's own texts but the gold counter.

        `query` and `place` are indices into `points` and `candidates`.
        """
        point, candidate = points[query], candidates[place]
        kind = self.kinds(point, candidate)
        is_own = self.split.is_own(self.split.point_ids[point], self.texts[candidate])
        return ~_members(pool)[kind] | (is_own & (kind != _GOLD))

    def own(self, points: Ints) -> Pairs:
        """List (place in `points`, candidate) of each point's own texts but the gold counter."""
        place, text = self.split.own_texts(self.split.point_ids[points])
        candidates = pd.DataFrame({"text": self.texts, "candidate": np.arange(len(self.texts))})
        own = pd.DataFrame({"place": place, "text": text}).merge(candidates, on="text")
        place, candidate = own["place"].to_numpy(), own["candidate"].to_numpy()
        is_gold = candidate == points[place]
        return place[~is_gold], candidate[~is_gold]

    def searched_together(self, pool: str) -> list[Ints]:
        """Divide the pairs into those among which a pool lies: a debate's, a domain's, or all."""
        groups = {group for groups in POOLS[pool] for group in groups}
        if "portal" in groups:
            return [np.arange(len(self.split))]
        number = self.domain if "theme" in groups else self.debate
        ascending = np.argsort(number, kind="stable")
        return np.split(ascending, np.flatnonzero(np.diff(number[ascending])) + 1)


def pools_of(split: Split) -> list[str]:
    """List the pools that a split can tell apart, in the order of `POOLS`."""
    return [pool for pool in POOLS if all(map(split.tells, NEEDS[pool]))]


@torch.no_grad()
def retrieve(
    split: Split,
    embeddings: Embeddings,
    model: Scorer,
    after_round: Callable[[], None] = lambda: None,
) -> Retrieved:
    """Rank every pool of every point, see `pools_of`: its own K nearest, rescored.

    A pool is searched in the debate, the domain or the whole split, and leaves out the point's own
    texts but the gold counter. The processes of a run share the points, and each gets all answers;
    `after_round` is called between rounds of points, equally often on all.
    """
    sim, ties, relations = embeddings.sim, split.ties, Relations(split)
    found = {pool: np.zeros((len(split), K), dtype=np.int64) for pool in pools_of(split)}
    nearest_rank = np.zeros(len(split), dtype=np.int64)
    distances = np.zeros((len(split), K))
    mine = distributed.shard(len(split))
    is_mine = np.isin(np.arange(len(split)), mine)
    asked = 0
    for pool in found:
        for pairs in relations.searched_together(pool):
            candidates = np.concatenate([pairs, pairs + len(split)]) if POOLS[pool][1] else pairs
            order = np.argsort(ties[candidates], kind="stable")
            search = ExactSearch(sim[relations.texts[candidates]], order)
            for start in range(0, len(pairs), ROUND):
                rows = pairs[start : start + ROUND]
                own = rows[is_mine[rows]]
                queries = sim[split.point_ids[own]]
                excluded = partial(relations.excluded, pool, own, candidates)
                near, far = find(search, queries, K, excluded)
                found[pool][own] = np.where(near >= 0, candidates[near], -1)
                if pool == "epa":
                    distances[own] = far
                    nearest_rank[own] = search.places(queries, own, relations.own(own))
                asked += len(rows)
                if asked >= ROUND:
                    after_round()
                    asked = 0
    found = {pool: gather_numpy_rows(answers, mine) for pool, answers in found.items()}
    scored = _scored(split, embeddings, model, found, after_round)
    return Retrieved(
        scored, gather_numpy_rows(nearest_rank, mine), gather_numpy_rows(distances, mine)
    )


def _members(pool: str) -> npt.NDArray[np.bool_]:
    """Mark the kinds of candidates that belong to a pool, [10]."""
    counters, points = POOLS[pool]
    chosen = [group in counters for group in GROUPS] + [group in points for group in GROUPS]
    return np.array([*chosen, True, False])


def _scored(
    split: Split,
    embeddings: Embeddings,
    model: Scorer,
    candidates: dict[str, Ints],
    after_round: Callable[[], None],
) -> dict[str, Ranking]:
    """Score the pools' candidates, each pair once, since the pools overlap."""
    stacked = np.stack(list(candidates.values()))
    width = 2 * len(split)
    key = np.where(stacked >= 0, stacked + width * np.arange(len(split))[:, None], 0)
    distinct, position = np.unique(key, return_inverse=True)
    points, texts = split.point_ids[distinct // width], split.candidate_ids[distinct % width]
    scores = pair_scores(embeddings, embeddings, model, points, texts)
    log_odds = np.where(stacked >= 0, scores[position.reshape(key.shape)], np.float32("-inf"))
    hubness = hubness_of(embeddings, model, after_round)[split.candidate_ids[stacked]]
    return {
        pool: Ranking(*of_pool)
        for pool, *of_pool in zip(candidates, stacked, log_odds, hubness, strict=True)
    }
