import numpy as np
import pytest
import torch
from handmade import NearIsBetter, WholeNumberHead, make_split
from hypothesis import given, settings
from hypothesis import strategies as st

from biencoder.data.texts import text_hash
from biencoder.retrieval.embedding import Embeddings
from biencoder.retrieval.ranking import K, Ranking, metrics, rank
from biencoder.retrieval.scoring import hubness_of


def plain_loop(split, embeddings, head):
    """The metric as its definition reads, one point and one pair at a time."""
    sim = dict(zip(split.texts, embeddings.sim, strict=True))
    h = dict(zip(split.texts, embeddings.h, strict=True))
    points, counters = list(split.pairs["point"]), list(split.pairs["counter"])
    pool = [("counter", j, text) for j, text in enumerate(counters)]
    pool += [("point", j, text) for j, text in enumerate(points)]
    hits, nearest_hits, recalled, reciprocal = 0, 0, 0, 0.0
    for i, point in enumerate(points):
        own = {point} | {counters[j] for j in range(len(points)) if points[j] == point}
        candidates = [
            (((sim[point] - sim[text]) ** 2).sum().item(), text_hash(text), kind, j, text)
            for kind, j, text in pool
            if (kind, j) == ("counter", i) or text not in own
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
        "head_top1": hits / n,
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


def test_a_copy_of_the_gold_counter_is_never_a_wrong_answer():
    split = make_split([("p1", "same"), ("p2", "same")])
    vectors = {"p1": 0.0, "p2": 9.0, "same": 0.1}
    sim = torch.tensor([[vectors[text]] * 2 for text in split.texts])
    ranking = rank(split, Embeddings(sim, sim), WholeNumberHead())
    assert ranking.candidates[0, :2].tolist() == [0, 3]  # its own copy alone, then the other point
    assert ranking.candidates[1, 0] == 1


def test_a_text_is_never_its_own_counter():
    split = make_split([("same", "c1"), ("p2", "same"), ("same ", "c3")])
    places = {"same": 0.0, "c1": 5.0, "p2": 9.0, "c3": 6.0}
    sim = torch.tensor([[places[text]] for text in split.texts])
    ranking = rank(split, Embeddings(sim, sim), WholeNumberHead())
    assert ranking.candidates[0, :3].tolist() == [0, 4, -1]  # neither a copy nor its other counter
    assert ranking.candidates[2, :3].tolist() == [2, 4, -1]


@pytest.mark.parametrize("seed", range(5))
def test_a_scorer_that_finds_all_alike_answers_as_often_as_chance(seed):
    rng = np.random.default_rng(seed)
    split = make_split([(f"p{seed} {number}", f"c{seed} {number}") for number in range(400)])
    same = torch.zeros(800, 2)
    head = WholeNumberHead()
    hits = metrics(rank(split, Embeddings(same, same), head))["hits"]
    assert hits <= 5  # a half expected, where all candidates are equally near
    names = rng.permutation(400)
    turned = make_split([(f"c{seed} {number}", f"p{seed} {number}") for number in names])
    again = rank(turned, Embeddings(same, same), head)
    answers = {turned.texts[turned.candidate_ids[row[0]]] for row in again.candidates}
    assert len(answers) <= 3  # the order follows the texts, whatever their role and place


def test_a_text_that_answers_another_point_better_is_no_answer():
    """c1 suits p2 well and p1 even better; c2 suits p2 alone, and a little less than c1 does."""
    split = make_split([("p1", "c1"), ("p2", "c2")])
    places = {"p1": 0.0, "c1": 1.0, "p2": 3.0, "c2": 5.1}
    sim = torch.tensor([[places[text]] for text in split.texts])
    ranking = rank(split, Embeddings(sim, sim), NearIsBetter(hubness_weight=0.5))
    assert ranking.head_rank.tolist() == [1, 2]
    assert ranking.rescored_rank.tolist() == [1, 1]
    figures = metrics(ranking)
    assert (figures["head_top1"], figures["top1"]) == (0.5, 1.0)


def test_every_candidate_has_the_hubness_of_its_text(model):
    split = make_split([(f"p{number}", f"c{number % 7}") for number in range(10)])
    torch.manual_seed(0)
    embeddings = Embeddings(torch.randn(17, 128), torch.randn(17, 6))
    bi_encoder, rounds = model(hubness_weight=0.7), []
    ranking = rank(split, embeddings, bi_encoder, after_round=lambda: rounds.append(True))
    expected = hubness_of(embeddings, bi_encoder)[split.candidate_ids[ranking.candidates]]
    np.testing.assert_array_equal(ranking.hubness, expected)
    assert len(rounds) == 2  # after each of the two searches


def test_the_subset_figures_are_those_of_its_points_alone():
    ranking = Ranking(
        candidates=np.array([[0, 1], [1, 0], [0, 1]]),
        log_odds=np.array([[2.0, 1.0], [1.0, 2.0], [1.0, 2.0]], np.float32),
        hubness=np.zeros((3, 2), np.float32),
    )
    assert metrics(ranking)["hits"] == 1
    among = metrics(ranking, np.array([True, False, False]))
    assert (among["top1"], among["hits"], among["n"]) == (1.0, 1, 1)


def test_shares_of_no_point_at_all_are_not_a_number():
    ranking = Ranking(np.array([[0]]), *np.ones((2, 1, 1), np.float32))
    nobody = metrics(ranking, np.array([False]))
    assert np.isnan(nobody["top1"])
    assert nobody["n"] == 0
