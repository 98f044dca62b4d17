import numpy as np
import pytest
import torch
from handmade import NearIsBetter

from biencoder.retrieval.embedding import Embeddings
from biencoder.retrieval.scoring import hubness_of, pair_scores


def embeddings(count):
    torch.manual_seed(0)
    return Embeddings(torch.randn(count, 128), torch.randn(count, 6))


def test_scoring_by_the_block_equals_scoring_pair_by_pair(model, monkeypatch):
    monkeypatch.setattr("biencoder.retrieval.scoring.PAIRS_AT_A_TIME", 3)
    texts, bi_encoder = embeddings(20), model()
    queries, candidates = np.arange(10), np.arange(19, 9, -1)
    scores = pair_scores(texts, texts, bi_encoder, queries, candidates)
    for query, candidate, score in zip(queries, candidates, scores, strict=True):
        sides = texts.sim[query], texts.h[query], texts.sim[candidate], texts.h[candidate]
        assert score == pytest.approx(bi_encoder.pair_score(*sides).item(), abs=1e-5)


def test_hubness_is_the_weighted_log_sum_exp_over_the_ten_nearest_other_texts(model):
    texts, bi_encoder = embeddings(30), model(hubness_weight=0.7)
    distances = torch.cdist(texts.sim, texts.sim).fill_diagonal_(torch.inf)
    expected = []
    for text in range(30):
        near = distances[text].argsort()[:10]
        scores = bi_encoder.pair_score(
            texts.sim[[text]], texts.h[[text]], texts.sim[near], texts.h[near]
        )
        expected.append(0.7 * scores.logsumexp(0).item())
    assert hubness_of(texts, bi_encoder) == pytest.approx(expected, abs=1e-5)


def test_without_a_weight_nothing_is_searched_and_nothing_counts(monkeypatch):
    monkeypatch.delattr("biencoder.retrieval.scoring.nearest")
    assert hubness_of(embeddings(5), NearIsBetter(hubness_weight=0.0)).tolist() == 5 * [0]


def test_a_text_without_others_has_no_hubness():
    assert hubness_of(embeddings(1), NearIsBetter(hubness_weight=0.7)).tolist() == [0]
