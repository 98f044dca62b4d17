import numpy as np
import pandas as pd
import pytest
import torch
from handmade import WholeNumberHead, make_split
from hypothesis import given, settings
from hypothesis import strategies as st

from biencoder.data.corpus import Split, load
from biencoder.data.texts import text_hash
from biencoder.retrieval import pools
from biencoder.retrieval.embedding import Embeddings
from biencoder.retrieval.pools import GROUPS, POOLS, Relations, pools_of, retrieve
from biencoder.retrieval.ranking import K, metrics, rank

#: Negatives of each kind, summed over all points, as the corpus's own pair files hold them:
#: (counters, points) for each of same, oppo, theme, portal.
ORACLE = {
    "training": {
        "same": (11_672, 11_692),
        "oppo": (15_352, 15_354),
        "theme": (1_588_976, 1_588_992),
        "portal": (14_901_994, 14_904_122),
    },
    "validation": {
        "same": (3_590, 3_592),
        "oppo": (4_758, 4_760),
        "theme": (167_918, 167_918),
        "portal": (1_478_612, 1_478_812),
    },
}


def group(asker, other):
    """The relation of two pairs, as the definition reads."""
    if (asker.domain, asker.title) == (other.domain, other.title):
        return "same" if asker.stance == other.stance else "oppo"
    return "theme" if asker.domain == other.domain else "portal"


def plain_loop(split, embeddings, head, pool):
    """(hits, nearest hits) in one pool, one point and one candidate at a time."""
    sim = dict(zip(split.texts, embeddings.sim, strict=True))
    h = dict(zip(split.texts, embeddings.h, strict=True))
    rows = list(split.pairs.itertuples())
    counters_of = {row.point: {r.counter for r in rows if r.point == row.point} for row in rows}
    of_counters, of_points = POOLS[pool]
    hits = nearest_hits = 0
    for i, asker in enumerate(rows):
        names = [("counter", j) for j in range(len(rows))] + [
            ("point", j) for j in range(len(rows))
        ]
        candidates = []
        for role, j in names:
            text = getattr(rows[j], role)
            if (role, j) == ("counter", i):
                allowed = True
            elif text == asker.point or text in counters_of[asker.point]:
                allowed = False
            else:
                allowed = group(asker, rows[j]) in (of_counters if role == "counter" else of_points)
            if allowed:
                distance = ((sim[asker.point] - sim[text]) ** 2).sum().item()
                candidates.append((distance, text_hash(text), (role, j), text))
        top = sorted(candidates)[:K]
        scores = [
            head.pair_score(sim[asker.point], h[asker.point], sim[text], h[text]).item()
            for *_, text in top
        ]
        hits += top[int(np.argmax(scores))][2] == ("counter", i)
        nearest_hits += top[0][2] == ("counter", i)
    return hits, nearest_hits


letters = st.sampled_from("abcdefghijklmnop")
debates = st.tuples(
    st.sampled_from(["law", "art"]), st.sampled_from(["x", "y"]), st.sampled_from(["pro", "con"])
)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(debates, letters, letters), min_size=1, max_size=25),
    seed=st.integers(0, 99),
)
def test_every_pool_is_ranked_as_a_plain_loop_ranks_it(rows, seed):
    frame = pd.DataFrame(
        [(*debate, number, p, c) for number, (debate, p, c) in enumerate(rows)],
        columns=["domain", "title", "stance", "number", "point", "counter"],
    )
    split = Split("test", frame)
    rng = np.random.default_rng(seed)
    sim, h = rng.integers(-3, 4, (2, len(split.texts), 2))
    embeddings = Embeddings(torch.tensor(sim).float(), torch.tensor(h).float())
    head = WholeNumberHead()
    rankings = retrieve(split, embeddings, head).rankings
    for pool in POOLS:
        figures = metrics(rankings[pool])
        found = figures["hits"], round(figures["nearest_top1"] * len(rows))
        assert found == plain_loop(split, embeddings, head, pool), pool


def test_the_widest_pool_is_the_one_that_every_epoch_is_evaluated_on(model):
    split = make_split([(f"p{number}", f"c{number % 30}") for number in range(40)])
    torch.manual_seed(0)
    embeddings = Embeddings(torch.randn(70, 128), torch.randn(70, 6))
    bi_encoder = model(hubness_weight=0.7)
    every_epoch, retrieved = (
        rank(split, embeddings, bi_encoder),
        retrieve(split, embeddings, bi_encoder),
    )
    np.testing.assert_array_equal(every_epoch.candidates, retrieved.rankings["epa"].candidates)
    np.testing.assert_array_equal(every_epoch.hubness, retrieved.rankings["epa"].hubness)
    assert metrics(every_epoch) == metrics(retrieved.rankings["epa"])


def test_signals_are_heeded_between_rounds_of_points(split, model, monkeypatch):
    torch.manual_seed(1)
    embeddings, rounds = Embeddings(torch.randn(60, 128), torch.randn(60, 6)), []
    at_once = retrieve(split, embeddings, model())
    monkeypatch.setattr(pools, "ROUND", 10)
    in_rounds = retrieve(split, embeddings, model(), lambda: rounds.append(True))
    assert len(rounds) == 3 * len(POOLS)
    for pool in POOLS:
        np.testing.assert_array_equal(
            in_rounds.rankings[pool].candidates, at_once.rankings[pool].candidates
        )


def test_the_rank_by_distance_counts_all_candidates():
    split = make_split([("p0", "c0"), ("p1", "c1"), ("p2", "c2")])
    places = {"p0": 0, "c0": 5, "p1": 1, "c1": 1.5, "p2": 4, "c2": 4.1}
    sim = torch.tensor([[places[text]] for text in split.texts]).float()
    retrieved = retrieve(split, Embeddings(sim, sim), WholeNumberHead())
    assert retrieved.nearest_rank.tolist() == [5, 1, 1]
    assert retrieved.distances[0, :5].tolist() == [1.0, 1.5, 4.0, pytest.approx(4.1), 5.0]
    assert np.isinf(retrieved.distances[0, 5:]).all()


def sizes(split):
    """The number of negatives in each pool, summed over all points."""
    counts = np.zeros(10, dtype=np.int64)
    relations = Relations(split)
    for rows in np.array_split(np.arange(len(split)), 20):
        kinds = relations.kinds(rows[:, None], np.arange(2 * len(split)))
        counts += np.bincount(kinds.ravel(), minlength=10)
    of_counters, of_points = (dict(zip(GROUPS, counts[at : at + 4], strict=True)) for at in (0, 4))
    return {
        pool: sum(of_counters[group] for group in counters) + sum(of_points[g] for g in points)
        for pool, (counters, points) in POOLS.items()
    }


def test_pool_sizes_are_those_of_the_published_pair_files(real_corpus):
    corpus = load(real_corpus, leaked_pairs="keep")
    for split in (corpus.training, corpus.validation):
        kinds = ORACLE[split.name]
        expected = {
            pool: sum(kinds[group][0] for group in counters)
            + sum(kinds[group][1] for group in points)
            for pool, (counters, points) in POOLS.items()
        }
        assert sizes(split) == expected
    assert set(GROUPS) == set(ORACLE["training"])


@pytest.mark.parametrize(
    ("lacking", "pools"),
    [
        ((), [*POOLS]),
        (("stance",), ["sdc", "sda", "stc", "sta", "epc", "epa"]),
        (("domain",), ["sdoc", "sdc", "sdoa", "sda", "epc", "epa"]),
        (("title", "stance"), ["stc", "sta", "epc", "epa"]),
        (("domain", "title", "stance"), ["epc", "epa"]),
    ],
)
def test_pools_that_need_what_the_corpus_does_not_tell_are_left_out(lacking, pools, model):
    split = make_split([("p1", "c1"), ("p2", "c2")])
    for column in lacking:
        split.pairs[column] = ["-", "told"]
    assert pools_of(split) == pools
    embeddings = Embeddings(torch.randn(4, 128), torch.randn(4, 6))
    assert [*retrieve(split, embeddings, model()).rankings] == pools
