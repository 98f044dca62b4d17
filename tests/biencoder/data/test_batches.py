import numpy as np
import torch
from handmade import make_split

from biencoder.config import Config
from biencoder.data.batches import epoch_batches, make_batch
from biencoder.data.tokens import Tokens
from biencoder.model import encoder
from biencoder.model.biencoder import build


def test_every_epoch_visits_every_pair_once_in_an_order_of_its_own():
    split = make_split([(f"p{number}", f"c{number}") for number in range(21)])
    epochs = [
        np.concatenate(list(epoch_batches(split, 4, 0, epoch, by_debate=False))) for epoch in (0, 1)
    ]
    assert all(sorted(order) == list(range(21)) for order in epochs)
    assert epochs[0].tolist() != epochs[1].tolist()


def test_in_batch_negatives_come_debate_by_debate_and_every_pair_is_still_visited_once():
    split = make_split([(f"p{number}", f"c{number}") for number in range(40)])
    rows = np.arange(40)
    split.pairs["domain"] = [f"domain{row % 2}" for row in rows]
    split.pairs["title"] = [f"debate{row % 8}" for row in rows]  # five pairs each
    epochs = []
    for epoch in range(4):
        found = list(epoch_batches(split, 10, 0, epoch, by_debate=True))
        for batch in found:
            assert len(set(batch % 2)) == 1
            assert sorted(np.bincount(batch % 8, minlength=8)) == [0] * 6 + [5] * 2
        epochs.append(found)
    assert all(sorted(np.concatenate(order)) == list(rows) for order in epochs)
    meetings = {frozenset(frozenset(batch % 8) for batch in order) for order in epochs}
    assert len(meetings) > 1  # other debates meet in another epoch


def test_pairs_that_share_a_text_come_together_where_no_debate_is_told():
    split = make_split([(f"p{number // 5}", f"c{number}") for number in range(40)])
    split.pairs["domain"] = split.pairs["title"] = "-"
    for batch in epoch_batches(split, 10, 0, 0, by_debate=True):
        assert sorted(np.bincount(batch // 5, minlength=8)) == [0] * 6 + [5] * 2


def test_a_text_that_several_triplets_hold_is_encoded_once_and_is_one_candidate(tiny_encoder):
    pretrained, tokenizer = encoder.load(str(tiny_encoder), "mean", 24)
    split = make_split([("one", "two"), ("three", "four"), ("one", "four")])
    assert split.texts == ["one", "three", "two", "four"]
    tokens = Tokens(split.texts, tokenizer, 24)
    texts = np.array([[0, 1], [2, 3], [1, 0]])
    batch = make_batch(texts, split, tokens, torch.device("cpu"))
    assert sum(len(ids) for ids, _ in batch.groups) == batch.candidate_count == 4
    config = Config(encoder=str(tiny_encoder))
    model = build(config, pretrained, "float32")
    alone = [tokens.batch(row, torch.device("cpu")) for row in np.arange(4)[:, None]]
    sim, plain = (
        model.project(torch.cat([model.pooled(*group) for group in groups]))[0]
        for groups in (batch.groups, alone)
    )
    torch.testing.assert_close(sim[batch.triplets], plain[texts])
    candidates = torch.zeros_like(sim).index_copy(0, batch.given_as, sim[batch.given])
    torch.testing.assert_close(candidates[batch.positives], plain[texts[1]])
    # No wrong answer of the first pair: its point and its point's other counter; of the second:
    # its point. The candidates are numbered as the texts are, all four being there.
    assert batch.masked.tolist() == [[True, False, False, True], [False, True, False, False]]
