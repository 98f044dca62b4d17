import numpy as np
import pytest
import torch

from biencoder import embedding
from biencoder.embedding import Tokens, embed


class CharTokenizer:
    """A letter a token, numbered from 1."""

    pad_token_id = 0

    def __call__(self, texts, truncation=False, max_length=None, verbose=True):
        assert truncation == (max_length is not None)
        return {"input_ids": [[ord(c) % 40 + 1 for c in text[:max_length]] for text in texts]}


def test_a_batch_is_padded_to_its_longest_text_and_masked():
    tokens = Tokens(["abc", "a", "abcdef"], CharTokenizer(), max_length=4)
    ids, mask = tokens.batch(np.array([0, 1]), torch.device("cpu"))
    assert ids.shape == mask.shape == (2, 3)
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert ids[1, 1:].tolist() == [0, 0]
    assert tokens.lengths.tolist() == [3, 1, 4]


def test_each_text_gets_the_embedding_it_has_alone(model, monkeypatch):
    monkeypatch.setitem(embedding.GROUP_TOKENS, "cpu", 12)
    texts = ["abc", "z", "hello", "to be", "abcabcabc", "q"]
    tokens = Tokens(texts, CharTokenizer(), max_length=8)
    bi_encoder, device = model(), torch.device("cpu")
    together = embed(bi_encoder, tokens, device, "training")
    for row in range(len(texts)):
        with torch.no_grad():
            sim, h = bi_encoder(*tokens.batch(np.array([row]), device))
        torch.testing.assert_close(together.sim[row], sim[0])
        torch.testing.assert_close(together.h[row], h[0])


def test_truncation_is_counted_in_texts_in_tokens_and_in_texts_that_become_alike():
    tokens = Tokens(["abcdx", "abcdyz", "abcd", "a", "bc"], CharTokenizer(), max_length=4)
    assert tokens.truncation() == {
        "texts_cut": 2 / 5,
        "tokens_lost": pytest.approx(3 / 18),
        "texts_alike": 3,
    }
    whole = Tokens(["abc", "a"], CharTokenizer(), max_length=4).truncation()
    assert whole == {"texts_cut": 0, "tokens_lost": 0, "texts_alike": 0}
