from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from biencoder.training import throughput
from biencoder.training.throughput import Throughput, matrix_rate, operations


@pytest.fixture
def encoder():
    shape = {"vocab_size": 64, "hidden_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2}
    return BertModel(BertConfig(**shape, intermediate_size=16), add_pooling_layer=False)


def test_operations_are_those_of_the_layers_and_of_attention(encoder):
    layers = sum(p.numel() for p in encoder.encoder.parameters())
    layers += sum(p.numel() for p in encoder.embeddings.LayerNorm.parameters())
    lengths = np.array([10, 4])
    attention = 12 * (10 * 10 + 4 * 4) * 8 * 3
    assert operations(encoder, lengths) == 6 * layers * 14 + attention


def test_rates_are_of_what_was_trained_on_since_the_last_reading(encoder, monkeypatch):
    now = iter([0.0, 100.0, 105.0, 107.0, 117.0])
    monkeypatch.setattr(throughput, "time", SimpleNamespace(monotonic=lambda: next(now)))
    monkeypatch.setattr(throughput, "matrix_rate", lambda *_: 1000.0)
    meter = Throughput(encoder, torch.device("cpu"), "float32")
    meter.begin(0.0)
    batch = SimpleNamespace(lengths=np.array([8, 4]), groups=[(torch.zeros(2, 8), None)])
    for _ in range(2):
        meter.add(3, batch)
    rates = meter.read()  # at 100
    assert (rates.triplets_per_second, rates.tokens_per_second) == (6 / 100, 24 / 100)
    assert rates.padding == 1 - 24 / 32
    assert rates.matrix_share == pytest.approx(2 * operations(encoder, batch.lengths) / 100 / 1000)
    assert rates.peak_memory > 10**7
    with meter.paused():  # from 105 to 107
        pass
    meter.add(3, batch)
    assert meter.read().triplets_per_second == 3 / (117 - 2 - 100)


def test_the_matrix_rate_is_measured_without_touching_the_random_numbers_of_training():
    state = torch.get_rng_state()
    assert matrix_rate(torch.device("cpu"), torch.float32) > 1e7
    assert torch.equal(torch.get_rng_state(), state)
