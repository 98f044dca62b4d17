from types import SimpleNamespace

import pytest
import torch
from fake_gpu import Crossings
from transformers import AutoConfig, AutoModel

from biencoder.model.pooling import PLAIN_ENCODERS, pool, pooled_vector, ready_mask

SHAPE = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
PADDED = torch.arange(12).view(2, 6) + 5
UNEQUAL = torch.arange(6) < torch.tensor([[6], [4]])


def test_mean_pooling_leaves_padding_out():
    hidden = torch.tensor([[[1.0, 2.0], [3.0, 4.0], [100.0, 100.0]]])
    assert pool(hidden, torch.tensor([[1, 1, 0]]), "mean").tolist() == [[2.0, 3.0]]


def test_cls_pooling_takes_the_first_token():
    hidden = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    assert pool(hidden, torch.tensor([[1, 1]]), "cls").tolist() == [[1.0, 2.0]]


def small_encoder(kind, implementation=None):
    """A random encoder of a kind, named as transformers does."""
    config = AutoConfig.for_model(kind, **SHAPE)
    return AutoModel.from_config(config, attn_implementation=implementation).eval()


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
@pytest.mark.parametrize("kind", sorted(PLAIN_ENCODERS))
def test_a_ready_mask_is_the_one_that_the_encoder_would_make(kind, implementation):
    if kind == "mpnet" and implementation == "sdpa":
        pytest.skip("MPNet has no such attention")
    encoder = small_encoder(kind, implementation)
    ready = ready_mask(encoder.config, UNEQUAL)
    assert ready.shape == (2, 1, 1, 6)
    with torch.no_grad():
        made, given = (
            encoder(input_ids=PADDED, attention_mask=mask).last_hidden_state
            for mask in (UNEQUAL, ready)
        )
    torch.testing.assert_close(given[UNEQUAL], made[UNEQUAL])


@pytest.mark.parametrize(
    ("in_bfloat16", "expected"), [(True, torch.bfloat16), (False, torch.float32)]
)
def test_a_ready_mask_that_is_added_has_the_type_of_the_scores(in_bfloat16, expected):
    config = SimpleNamespace(model_type="bert", _attn_implementation="eager")
    with torch.autocast("cpu", torch.bfloat16, enabled=in_bfloat16):
        ready = ready_mask(config, UNEQUAL)
    assert ready.dtype == expected
    assert torch.equal(ready < 0, ~UNEQUAL[:, None, None])
    assert torch.isfinite(ready).all()


def test_an_encoder_of_another_kind_makes_its_own_mask():
    ready = ready_mask(SimpleNamespace(model_type="modernbert"), UNEQUAL)
    assert torch.equal(ready, UNEQUAL.long())  # some subtract it from 1


@pytest.mark.parametrize("kind", sorted(PLAIN_ENCODERS))
def test_texts_are_encoded_alike_by_ids_and_by_their_word_embeddings(kind):
    encoder = small_encoder(kind)
    words = encoder.get_input_embeddings()(PADDED)
    with torch.no_grad():
        by_ids, by_words = (
            pooled_vector(encoder, PADDED, UNEQUAL, "mean", given) for given in (None, words)
        )
    torch.testing.assert_close(by_words, by_ids)


@pytest.mark.parametrize("mask", [None, UNEQUAL])
def test_encoding_looks_at_no_number(mask):
    encoder = small_encoder("bert")
    with Crossings() as crossings:
        pooled_vector(encoder, PADDED, mask, "mean")
    assert crossings.found == []
    with Crossings() as crossings:
        encoder(input_ids=PADDED, attention_mask=UNEQUAL)
    assert crossings.found == [("look", True)]  # what a mask that is not ready costs


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_texts_without_padding_are_pooled_as_under_a_mask_of_all_tokens(pooling):
    hidden = torch.rand(3, 5, 4)
    expected = pool(hidden, torch.ones(3, 5, dtype=torch.bool), pooling)
    torch.testing.assert_close(pool(hidden, None, pooling), expected)
