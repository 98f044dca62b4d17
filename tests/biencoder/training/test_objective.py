from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from handmade import CharTokenizer, make_split
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import BertConfig, BertModel, LongformerConfig, LongformerModel

from biencoder.config import Config
from biencoder.data import tokens
from biencoder.data.batches import make_batch
from biencoder.data.tokens import Tokens
from biencoder.model.biencoder import build
from biencoder.training.objective import Objective, plain_gradients

SMALL = {
    "vocab_size": 64,
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}


class Casts(TorchDispatchMode):
    """Counts how often each of some tensors is cast to another type."""

    def __init__(self, tensors: list[torch.Tensor]) -> None:
        super().__init__()
        self.of = {tensor.data_ptr() for tensor in tensors}
        self.found: Counter[int] = Counter()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if function is torch.ops.aten._to_copy.default and args[0].data_ptr() in self.of:
            self.found[args[0].data_ptr()] += 1
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("kind", "settings", "uses_all"),
    [
        (BertModel, BertConfig(**SMALL), True),
        (LongformerModel, LongformerConfig(**SMALL, attention_window=[4]), False),
    ],
)
def test_parameters_of_an_encoder_that_take_no_part_are_found_by_a_trial(kind, settings, uses_all):
    model = build(Config(), kind(settings, add_pooling_layer=False), "float32")
    known = Tokens(["a text"], CharTokenizer(), 16)
    objective = Objective(model, Config(), margin=1.0)
    group = known.batch(np.zeros(1, np.int64), torch.device("cpu"))
    assert objective.uses_all_parameters(group) == uses_all
    assert all(parameter.grad is None for parameter in model.parameters())


def small_model(config, precision):
    torch.manual_seed(0)
    return build(config, BertModel(BertConfig(**SMALL), add_pooling_layer=False), precision)


@pytest.fixture
def batch(monkeypatch):
    """A batch of several groups."""
    monkeypatch.setattr(tokens, "GROUP_TOKENS", 24)
    split = make_split([("a" * n, "b" * (2 * n)) for n in range(1, 9)])
    known = Tokens(split.texts, CharTokenizer(), 16)
    texts = np.stack([split.point_ids, split.counter_ids])
    made = make_batch(texts, split, known, torch.device("cpu"))
    assert len(made.groups) > 2
    return made


def test_a_step_in_bfloat16_casts_each_weight_once_whatever_the_number_of_groups(batch):
    model = small_model(Config(), "bfloat16")
    with Casts(list(model.parameters())) as casts:
        plain_gradients(Objective(model, Config(), margin=1.0))(batch, 1.0)
    assert set(casts.found.values()) == {1}
    assert len(casts.found) >= 12  # weights and biases of a layer's six linear maps


class WordGradients(TorchDispatchMode):
    """Counts how often a gradient of the size of a table of `rows` rows is made."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows, self.count = rows, 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        is_gradient = function is torch.ops.aten.embedding_dense_backward.default
        self.count += is_gradient and args[2] == self.rows
        return function(*args, **(kwargs or {}))


def test_a_step_makes_the_word_embeddings_gradient_once_whatever_the_number_of_groups(batch):
    model = small_model(Config(), "float32")
    with WordGradients(SMALL["vocab_size"]) as made:
        plain_gradients(Objective(model, Config(), margin=1.0))(batch, 1.0)
    assert made.count == 1


def test_an_encoder_that_may_read_words_otherwise_than_ids_is_given_ids():
    settings = LongformerConfig(**SMALL, attention_window=[4])
    model = build(Config(), LongformerModel(settings, add_pooling_layer=False), "float32")
    objective = Objective(model, Config(), margin=1.0)
    assert objective.words([torch.ones(2, 3, dtype=torch.int64)] * 2) == [None, None]


def test_the_loss_is_the_sum_of_its_parts_each_by_its_weight():
    config = Config(triplet_weight=2, in_batch_weight=3, listwise_weight=0.5)
    split = make_split([("a" * n, "b" * (2 * n)) for n in range(1, 9)])
    texts = np.stack([split.point_ids, split.counter_ids, np.roll(split.counter_ids, 1)])
    known = Tokens(split.texts, CharTokenizer(), 16)
    batch = make_batch(texts, split, known, torch.device("cpu"))
    loss = Objective(small_model(config, "float32"), config, margin=1.0)(batch)
    triplets = loss.triplet + loss.positive + loss.negative
    assert min(triplets, loss.in_batch, loss.listwise) > 0
    torch.testing.assert_close(loss.total, 2 * triplets + 3 * loss.in_batch + 0.5 * loss.listwise)


def test_training_encodes_texts_as_evaluation_does(batch):
    model = small_model(Config(), "float32")
    with torch.no_grad():
        trained = Objective(model, Config(), margin=1.0).encode(batch.groups)
        evaluated = torch.cat([model.pooled(*group) for group in batch.groups])
    torch.testing.assert_close(trained, evaluated)
