import numpy as np
import pytest
import torch

from biencoder.config import Config
from biencoder.data import corpus
from biencoder.data.tokens import Tokens
from biencoder.model import encoder
from biencoder.model.biencoder import build
from biencoder.retrieval import untrained
from biencoder.retrieval.embedding import encode
from biencoder.retrieval.ranking import metrics, rank


@pytest.fixture(params=["mean", "pooler"])
def embeddings(request, tiny_encoder):
    pretrained, tokenizer = encoder.load(str(tiny_encoder), request.param, 24)
    texts = corpus.load(None).test.texts
    tokens = Tokens(texts, tokenizer, 24)
    model = build(Config(pooling=request.param), pretrained, "float32")
    return untrained.embeddings(encode(model, tokens, torch.device("cpu"), "test"))


def test_vectors_have_unit_length_so_that_distance_orders_as_cosine_does(embeddings):
    vectors = embeddings.sim.numpy()
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    cosine = vectors[0] @ vectors.T
    distance = np.linalg.norm(vectors - vectors[0], axis=1)
    np.testing.assert_allclose(distance**2, 2 - 2 * cosine, atol=1e-5)


def test_the_answer_is_the_nearest_candidate(embeddings):
    figures = metrics(rank(corpus.load(None).test, embeddings, untrained.NearestAlone()))
    assert figures["top1"] == figures["nearest_top1"]
