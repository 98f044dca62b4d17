import numpy as np
import pytest
import torch
from handmade import HIDDEN, make_model, make_split
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from biencoder.data.texts import text_hash
from biencoder.model.biencoder import SIMILARITY_SIZE
from biencoder.retrieval.embedding import Embeddings
from biencoder.retrieval.ranking import rank
from biencoder.training.negatives import hard_ratio_at, mine

letters = st.sampled_from("abcdefg")
pairs = st.lists(st.tuples(letters, letters), min_size=1, max_size=25)


@settings(max_examples=200, deadline=None)
@given(pairs=pairs, ratio=st.sampled_from([0.0, 0.4, 1.0]), seed=st.integers(0, 99))
def test_a_negative_is_never_the_point_its_counter_or_a_text_equal_to_either(pairs, ratio, seed):
    split = make_split(pairs)
    assume(len(split.texts) > np.bincount(split.own_texts(split.point_ids)[0]).max())
    places = np.random.default_rng(seed).integers(-1, 2, (len(split.texts), 2))
    mined = mine(split, torch.from_numpy(places).float(), ratio, seed, epoch=0)
    for (point, _), text in zip(pairs, mined.text_ids, strict=True):
        own = {point} | {counter for other, counter in pairs if other == point}
        assert split.texts[text] not in own
    assert mined.hard + mined.random == len(pairs)


LINE = make_split([("p0", "c0"), ("p1", "c1"), ("p2", "c2")])


def on_a_line(split, **places):
    return torch.tensor([[float(places[text])] for text in split.texts])


def test_a_hard_negative_is_the_nearest_other_text_point_or_counter():
    sim = on_a_line(LINE, p0=0, c0=1, p1=2, c1=9, p2=10, c2=10.5)
    mined = mine(LINE, sim, 1.0, seed=0, epoch=0)
    assert [LINE.texts[text] for text in mined.text_ids] == ["p1", "c0", "c1"]
    assert (mined.hard, mined.random) == (3, 0)


def test_copies_that_stand_nearer_are_passed_over_and_counted():
    split = make_split([("p", "c"), ("p", "c"), ("q", "d")])
    sim = on_a_line(split, p=0, c=1, q=3, d=20)
    mined = mine(split, sim, 1.0, seed=0, epoch=0)
    # Each of the two equal pairs passes over the other's point and counter; q passes over nothing.
    assert mined.passed_over == 4
    assert [split.texts[text] for text in mined.text_ids] == ["q", "q", "c"]


def test_another_counter_of_the_same_point_is_neither_drawn_nor_mined():
    split = make_split([("p", "c1"), (" p", "c2"), ("q", "d")])
    sim = on_a_line(split, p=0, c1=1, c2=2, q=8, d=9)
    mined = mine(split, sim, 1.0, seed=0, epoch=0)
    assert [split.texts[text] for text in mined.text_ids] == ["q", "q", "c2"]
    assert mined.passed_over == 4  # of each equal point the other's point and counter
    for seed in range(200):
        drawn = mine(split, sim, 0.0, seed, epoch=0).text_ids[:2]
        assert {split.texts[text] for text in drawn} <= {"q", "d"}


@pytest.mark.parametrize("seed", range(20))
def test_what_evaluation_retrieved_gives_the_same_hard_negatives_as_a_search(seed):
    rng = np.random.default_rng(seed)
    # Few texts for many pairs: most candidates are copies of a pair's own texts, many at a tie.
    pairs = [(f"p{p}", f"c{c}") for p, c in rng.integers(4 if seed % 2 else 30, size=(40, 2))]
    split = make_split(pairs)
    sim = torch.zeros(len(split.texts), SIMILARITY_SIZE)
    sim[:, :2] = torch.from_numpy(rng.integers(3, size=(len(sim), 2)))
    ranking = rank(split, Embeddings(sim, torch.zeros(len(sim), HIDDEN)), make_model())
    searched, reused = (
        mine(split, sim, 1.0, 0, 0, retrieved=retrieved) for retrieved in (None, ranking.candidates)
    )
    assert reused.text_ids.tolist() == searched.text_ids.tolist()
    assert reused.figures == searched.figures


def test_of_equally_near_texts_the_one_of_the_lowest_hash_is_the_hard_negative():
    split = make_split([("p0", "c0"), ("p1", "c1"), ("p2", "c2")])
    mined = mine(split, torch.zeros(6, 2), 1.0, seed=0, epoch=0)
    by_hash = sorted(split.texts, key=text_hash)
    for number, text in enumerate(mined.text_ids):
        others = [other for other in by_hash if other not in (f"p{number}", f"c{number}")]
        assert split.texts[text] == others[0]


def test_random_negatives_are_spread_over_points_and_counters():
    split = make_split([(f"p{number}", f"c{number}") for number in range(400)])
    mined = mine(split, torch.zeros(800, 2), 0.0, seed=0, epoch=0)
    assert (mined.hard, mined.random) == (0, 400)
    assert len(set(mined.text_ids)) > 280  # 1 − e^−0.5 of 800 are expected to be drawn: 315
    from_counters = sum(split.texts[text].startswith("c") for text in mined.text_ids)
    assert 150 < from_counters < 250


def test_the_share_of_hard_negatives_follows_the_ratio():
    split = make_split([(f"p{number}", f"c{number}") for number in range(1000)])
    mined = mine(split, torch.rand(2000, 2), 0.3, 0, 0)
    assert mined.hard == pytest.approx(300, abs=45)


def test_seed_and_epoch_decide_the_draws_and_the_model_does_not():
    split = make_split([(f"p{number}", f"c{number}") for number in range(50)])
    here, there = torch.rand(2, 100, 2)

    def draws(sim, seed, epoch):
        return mine(split, sim, 0.0, seed, epoch).text_ids.tolist()

    assert draws(here, 1, 2) == draws(there, 1, 2)
    assert draws(here, 1, 2) != draws(here, 1, 3)
    assert draws(here, 1, 2) != draws(here, 2, 2)


def test_which_pairs_get_a_hard_negative_does_not_depend_on_the_model():
    split = make_split([(f"p{number}", f"c{number}") for number in range(50)])
    here, there = torch.rand(2, 100, 2)
    random_only = mine(split, here, 0.0, 0, 0).text_ids
    mixed = [mine(split, sim, 0.5, 0, 0) for sim in (here, there)]
    stayed = [set(np.flatnonzero(mined.text_ids == random_only)) for mined in mixed]
    assert mixed[0].hard == mixed[1].hard
    assert len(stayed[0] & stayed[1]) >= mixed[0].random


def test_distances_are_quartiles_over_all_pairs():
    sim = on_a_line(LINE, p0=0, c0=1, p1=2, c1=9, p2=10, c2=10.5)
    mined = mine(LINE, sim, 1.0, seed=0, epoch=0)
    assert mined.positive_distance == [0.75, 1.0, 4.0]
    assert mined.negative_distance == [1.0, 1.0, 1.5]


@pytest.mark.parametrize(
    ("start", "step", "ratios"),
    [
        (0.8, -0.3, [0.8, 0.5, 0.2, 0.0, 0.0]),
        (0.0, 0.4, [0.0, 0.4, 0.8, 1.0, 1.0]),
        (0.5, 0.0, [0.5] * 5),
    ],
)
def test_the_hard_ratio_moves_by_its_step_and_stays_between_0_and_1(start, step, ratios):
    assert [hard_ratio_at(epoch, start, step) for epoch in range(5)] == pytest.approx(ratios)
