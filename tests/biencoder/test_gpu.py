"""What computes on a GPU, on one that has shapes and no numbers."""

import numpy as np
import pytest
import torch
from fake_gpu import Crossings, fake_gpu, put
from handmade import CharTokenizer, make_split
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensor
from torch.nn.utils import get_total_norm
from transformers import BertConfig, BertModel, MPNetConfig, MPNetModel

from biencoder.config import Config
from biencoder.data.batches import make_batch
from biencoder.data.tokens import Tokens
from biencoder.model.biencoder import BiEncoder, build
from biencoder.model.initialization import start_from_pretrained
from biencoder.retrieval.embedding import encode
from biencoder.retrieval.exact_search import ExactSearch
from biencoder.training.gradient_cache import cached_gradients
from biencoder.training.objective import Objective, backward, plain_gradients
from biencoder.training.optimizer import average, make_optimizer

SMALL = {
    "vocab_size": 64,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
ENCODERS = {
    "bert": lambda: BertModel(BertConfig(**SMALL), add_pooling_layer=False),
    "mpnet": lambda: MPNetModel(MPNetConfig(**SMALL), add_pooling_layer=False),
}
CONFIG = Config(triplet_weight=1.0, max_length=24)
SPLIT = make_split([("a" * n, "b" * (2 * n)) for n in range(1, 9)])
TOKENS = Tokens(SPLIT.texts, CharTokenizer(), 24)
TRIPLETS = np.stack([SPLIT.point_ids, SPLIT.counter_ids, SPLIT.counter_ids[::-1]])


def model_on(device: torch.device, encoder: str = "bert") -> BiEncoder:
    model = build(CONFIG, ENCODERS[encoder](), "float32")
    put(model, device)
    return model


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("way", [plain_gradients, cached_gradients])
def test_a_step_on_a_gpu_uploads_once_and_its_processor_never_waits(way, encoder):
    with fake_gpu() as device:
        model = model_on(device, encoder)
        optimizer = make_optimizer(model, CONFIG)
        gradients = way(Objective(model, CONFIG, margin=1.0))
        with Crossings() as crossings:
            batch = make_batch(TRIPLETS, SPLIT, TOKENS, device)
            assert crossings.found == [("upload", False)]
            loss = backward(gradients, batch, len(SPLIT))
            norm = get_total_norm(p.grad for p in model.parameters())
            optimizer.step()
        assert crossings.found == [("upload", False)]
        assert {tensor.device for tensor in (*loss, norm)} == {device}
        assert all(isinstance(p.grad, FakeTensor) and p.grad.device == device
                   for p in model.parameters())  # fmt: skip
        with pytest.raises(DataDependentOutputException):  # so a look would have been seen
            loss.total.item()


def test_texts_are_encoded_on_a_gpu_with_an_upload_a_group():
    with fake_gpu() as device, torch.no_grad():
        model = model_on(device)
        with Crossings() as crossings:
            vectors = encode(model, TOKENS, device, "texts")
        assert crossings.found == [("upload", False)] + [("upload", True)]  # the rows, at the end
        sim, h = model.project(vectors)
        assert sim.shape == (len(SPLIT.texts), 128)
        assert sim.device == h.device == device


@pytest.mark.parametrize("candidates", [40, 4000])
def test_neighbours_are_searched_on_a_gpu_and_nothing_crosses_before_they_are_found(candidates):
    with fake_gpu() as device:
        vectors = torch.empty(candidates, 128, device=device)
        search = ExactSearch(vectors, np.arange(candidates))
        with Crossings() as crossings:
            found = search.on_device(vectors[:7], 18)
        assert crossings.found == []
        assert [values.device for values in found] == [device] * 3
        assert found[0].shape == found[1].shape == (7, 18)


def test_a_model_on_a_gpu_starts_from_vectors_on_it():
    with fake_gpu() as device:
        model = model_on(device)
        points, counters = torch.empty(2, 600, 32, device=device)
        start_from_pretrained(model, points, counters, seed=0)
        average(model.encoder, [p.detach().clone() for p in model.encoder.parameters()], 0.3)


def test_tensors_of_two_devices_are_noticed():
    with fake_gpu() as device, pytest.raises(RuntimeError, match="same device"):
        torch.empty(2, device=device) + torch.empty(2)


def test_to_a_gpu_numbers_are_copied_from_pinned_memory(monkeypatch):
    from biencoder.data import upload

    pinned = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: pinned.append(tensor) or tensor)
    monkeypatch.setattr(torch.Tensor, "to", lambda tensor, device, non_blocking: tensor)
    parts = upload.upload([np.arange(4).reshape(2, 2), np.arange(3)], torch.device("cuda", 1))
    assert [part.tolist() for part in parts] == [[[0, 1], [2, 3]], [0, 1, 2]]
    assert len(pinned) == 1
