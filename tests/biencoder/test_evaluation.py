import numpy as np
import pytest
import torch
from handmade import make_split
from hypothesis import given, settings
from hypothesis import strategies as st

from biencoder.embedding import Embeddings
from biencoder.evaluation import K, Ranking, metrics, rank


class WholeNumberHead:
    """Scores that are whole numbers, so that batched and single scoring agree and ties occur."""

    def eval(self):
        return self

    def anchor(self, sim):
        return sim

    def pair_score(self, sim_a, h_a, sim_b, h_b):
        return ((3 * h_a + 5 * h_b).sum(-1) + (sim_a - sim_b).abs().sum(-1)) % 7


def plain_loop(split, embeddings, head):
    """The metric as its definition reads, one point and one pair at a time."""
    sim = dict(zip(split.texts, embeddings.sim, strict=True))
    h = dict(zip(split.texts, embeddings.h, strict=True))
    points, counters = list(split.pairs["point"]), list(split.pairs["counter"])
    pool = [("counter", j, text) for j, text in enumerate(counters)]
    pool += [("point", j, text) for j, text in enumerate(points)]
    hits, nearest_hits, recalled, reciprocal = 0, 0, 0, 0.0
    for i, point in enumerate(points):
        candidates = [
            (((sim[point] - sim[text]) ** 2).sum().item(), order, kind, j, text)
            for order, (kind, j, text) in enumerate(pool)
            if (kind, j) != ("point", i) and ((kind, j) == ("counter", i) or text != counters[i])
        ]
        top = sorted(candidates)[:K]
        scores = [
            head.pair_score(sim[point], h[point], sim[text], h[text]).item() for *_, text in top
        ]
        ranked = sorted(range(len(top)), key=lambda place: (-scores[place], place))
        gold = [place for place, candidate in enumerate(top) if candidate[2:4] == ("counter", i)]
        nearest_hits += gold == [0]
        recalled += len(gold)
        if gold:
            rescored = ranked.index(gold[0]) + 1
            hits += rescored == 1
            reciprocal += 1 / rescored
    n = len(points)
    return {
        "top1": hits / n,
        "hits": hits,
        "n": n,
        "nearest_top1": nearest_hits / n,
        "recall_at_10": recalled / n,
        "mrr_at_10": reciprocal / n,
    }


letters = st.sampled_from("abcdefghijkl")


@settings(max_examples=200, deadline=None)
@given(
    pairs=st.lists(st.tuples(letters, letters), min_size=1, max_size=30),
    seed=st.integers(0, 999),
    spread=st.integers(1, 4),
)
def test_the_metric_is_that_of_a_plain_loop_with_ties_copies_and_small_pools(pairs, seed, spread):
    split = make_split(pairs)
    rng = np.random.default_rng(seed)
    sim, h = rng.integers(-spread, spread + 1, (2, len(split.texts), 2))
    embeddings = Embeddings(torch.tensor(sim).float(), torch.tensor(h).float())
    head = WholeNumberHead()
    expected = plain_loop(split, embeddings, head)
    assert metrics(rank(split, embeddings, head)) == pytest.approx(expected, abs=1e-12)


def test_a_copy_of_the_gold_counter_is_never_a_wrong_answer(model):
    split = make_split([("p1", "same"), ("p2", "same")])
    vectors = {"p1": 0.0, "p2": 9.0, "same": 0.1}
    sim = torch.tensor([[vectors[text]] * 2 for text in split.texts])
    ranking = rank(split, Embeddings(sim, sim), WholeNumberHead())
    assert ranking.candidates[0, :2].tolist() == [0, 3]  # its own copy alone, then the other point
    assert ranking.candidates[1, 0] == 1


def test_an_asymmetric_model_retrieves_what_is_nearest_to_the_points_anchor(model):
    split = make_split([("p0", "c0"), ("p1", "c1"), ("p2", "c2")])
    places = {"p0": 0.0, "p1": 0.1, "p2": 0.2, "c0": 5.0, "c1": 5.1, "c2": 5.2}
    sim = torch.zeros(6, 128)
    sim[:, 0] = torch.tensor([places[text] for text in split.texts])
    bi_encoder = model(asymmetric=True)
    with torch.no_grad():
        bi_encoder.query.bias[0] = 5.0
    embeddings = Embeddings(sim, torch.zeros(6, 6))
    assert metrics(rank(split, embeddings, model()))["nearest_top1"] == 0
    assert metrics(rank(split, embeddings, bi_encoder))["nearest_top1"] == 1


def test_scoring_by_the_block_equals_scoring_pair_by_pair(model, monkeypatch):
    monkeypatch.setattr("biencoder.evaluation.BLOCK", 3)
    split = make_split([(f"p{number}", f"c{number}") for number in range(10)])
    torch.manual_seed(0)
    embeddings = Embeddings(torch.randn(20, 128), torch.randn(20, 6))
    bi_encoder = model()
    ranking = rank(split, embeddings, bi_encoder)
    for query, row in enumerate(ranking.candidates):
        point = split.point_ids[query]
        for place, candidate in enumerate(row):
            text = split.candidate_ids[candidate]
            score = bi_encoder.pair_score(
                embeddings.sim[point], embeddings.h[point], embeddings.sim[text], embeddings.h[text]
            )
            assert ranking.scores[query, place] == pytest.approx(score.item(), abs=1e-5)


def test_the_subset_figures_are_those_of_its_points_alone():
    ranking = Ranking(
        candidates=np.array([[0, 1], [1, 0], [0, 1]]),
        scores=np.array([[2.0, 1.0], [1.0, 2.0], [1.0, 2.0]], np.float32),
    )
    assert metrics(ranking)["hits"] == 1
    among = metrics(ranking, np.array([True, False, False]))
    assert (among["top1"], among["hits"], among["n"]) == (1.0, 1, 1)


def test_shares_of_no_point_at_all_are_not_a_number():
    ranking = Ranking(np.array([[0]]), np.array([[1.0]], np.float32))
    nobody = metrics(ranking, np.array([False]))
    assert np.isnan(nobody["top1"])
    assert nobody["n"] == 0
