import numpy as np
import torch
from handmade import CharTokenizer

from biencoder.data import tokens as data_tokens
from biencoder.data.tokens import Tokens
from biencoder.retrieval.embedding import embed


def test_each_text_gets_the_embedding_it_has_alone(model, monkeypatch):
    monkeypatch.setattr(data_tokens, "GROUP_TOKENS", 12)
    texts = ["abc", "z", "hello", "to be", "abcabcabc", "q"]
    tokens = Tokens(texts, CharTokenizer(), max_length=8)
    bi_encoder, device = model(), torch.device("cpu")
    together = embed(bi_encoder, tokens, device, "training")
    for row in range(len(texts)):
        with torch.no_grad():
            sim, h = bi_encoder.project(bi_encoder.pooled(*tokens.batch(np.array([row]), device)))
        torch.testing.assert_close(together.sim[row], sim[0])
        torch.testing.assert_close(together.h[row], h[0])
