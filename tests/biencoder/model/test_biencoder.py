import pytest
import torch
from transformers import AutoConfig, AutoModel

from biencoder.config import Config
from biencoder.model.biencoder import SIMILARITY_SIZE, build, pair_features
from biencoder.variants import VARIANTS

IDS = torch.tensor([[1, 2, 3], [4, 5, 0]])
MASK = torch.tensor([[1, 1, 1], [1, 1, 0]])
SHAPE = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


def embed(bi_encoder):
    return bi_encoder.project(bi_encoder.pooled(IDS, MASK))


def test_pooler_pooling_takes_the_encoders_own_pooler_output(model):
    bi_encoder = model(pooling="pooler", layernorm=False)
    h = bi_encoder.pooled(IDS, MASK)
    assert torch.equal(h, bi_encoder.encoder(IDS, MASK).pooler_output)


def test_the_encoder_gives_a_similarity_embedding_and_the_pooled_vector(model):
    sim, h = embed(model())
    assert sim.shape == (2, SIMILARITY_SIZE)
    assert h.shape == (2, 6)


def test_training_drops_out_nothing():
    config = AutoConfig.for_model("bert", **SHAPE, hidden_dropout_prob=0.5)
    model = build(Config(), AutoModel.from_config(config), "float32")
    assert torch.equal(model.pooled(IDS, MASK.bool()), model.pooled(IDS, MASK.bool()))


@pytest.mark.parametrize("name", VARIANTS)
def test_the_model_of_a_config_has_what_the_config_says(name):
    config = Config(variant=name, hubness_weight=0.3, fusion="only_cls", pooling="cls")
    encoder = AutoModel.from_config(AutoConfig.for_model("bert", **SHAPE))
    model = build(config, encoder, "bfloat16")
    assert VARIANTS[name] == (
        isinstance(model.sim_norm, torch.nn.LayerNorm),
        isinstance(model.activation, torch.nn.ReLU),
    )
    found = model.hubness_weight, model.fusion, model.pooling, model.precision
    assert found == (0.3, "only_cls", "cls", "bfloat16")


def test_layernorm_normalises_both_vectors_and_its_absence_neither(model):
    sim, h = embed(model(layernorm=True))
    raw_sim, raw_h = embed(model(layernorm=False))
    for normed, raw in ((sim, raw_sim), (h, raw_h)):
        expected = (raw - raw.mean(1, keepdim=True)) / raw.var(1, keepdim=True, correction=0).sqrt()
        torch.testing.assert_close(normed, expected, atol=1e-3, rtol=1e-3)


def test_relu_acts_on_the_features_before_the_head(model):
    sides = [torch.randn(3, SIMILARITY_SIZE), torch.randn(3, 6)] * 2
    with_relu, without = model(relu=True), model(relu=False)
    features = pair_features(*sides, "concatenated")
    torch.testing.assert_close(with_relu.pair_logits(*sides), with_relu.head(features.clamp(min=0)))
    torch.testing.assert_close(without.pair_logits(*sides), without.head(features))


def test_features_are_both_sides_and_their_absolute_difference():
    a, b, ha, hb = (torch.tensor([[value]]) for value in (1.0, 4.0, -2.0, 3.0))
    assert pair_features(a, ha, b, hb, "concatenated").tolist() == [[1, 4, 3, -2, 3, 5]]
    assert pair_features(a, ha, b, hb, "only_embedding").tolist() == [[1, 4, 3]]
    assert pair_features(a, ha, b, hb, "only_cls").tolist() == [[-2, 3, 5]]


@pytest.mark.parametrize(
    ("fusion", "width"), [("concatenated", 402), ("only_embedding", 384), ("only_cls", 18)]
)
def test_the_head_is_as_wide_as_its_fusion(model, fusion, width):
    assert model(fusion=fusion).head.in_features == width


def test_the_score_is_the_log_odds_of_the_positive_class(model):
    bi_encoder = model()
    sides = [torch.randn(4, SIMILARITY_SIZE), torch.randn(4, 6)] * 2
    probability = bi_encoder.pair_logits(*sides).softmax(-1)[:, 1]
    torch.testing.assert_close(torch.sigmoid(bi_encoder.pair_score(*sides)), probability)


def test_a_switch_changes_no_shared_parameter(model):
    states = [model(layernorm=v.layernorm, relu=v.relu).state_dict() for v in VARIANTS.values()]
    for state in states:
        for name in set(states[-1]) & set(state):
            assert torch.equal(state[name], states[-1][name]), name
        added = set(state) - set(states[-1])
        assert all("norm" in name for name in added)


def test_in_bfloat16_the_encoder_alone_is_less_exact(model):
    exact, rough = (model(layernorm=False, precision=p) for p in ("float32", "bfloat16"))
    product = torch.nn.Linear(6, 6)
    for bi_encoder in (exact, rough):  # a table alone has nothing to round
        bi_encoder.encoder.states = torch.nn.Sequential(bi_encoder.encoder.states, product)
    for there, here in zip(embed(exact), embed(rough), strict=True):
        assert here.dtype == torch.float32
        assert not torch.equal(here, there)
        torch.testing.assert_close(here, there, atol=0.05, rtol=0.05)
    sides = [torch.randn(3, SIMILARITY_SIZE), torch.randn(3, 6)] * 2
    assert torch.equal(rough.pair_logits(*sides), exact.pair_logits(*sides))


@pytest.mark.parametrize(
    ("precision", "device", "attention"),
    [("bfloat16", "cpu", "eager"), ("bfloat16", "cuda", "sdpa"), ("float32", "cpu", "sdpa")],
)
def test_attention_is_not_fused_in_bfloat16_on_a_cpu(precision, device, attention):
    encoder = AutoModel.from_config(AutoConfig.for_model("bert", **SHAPE))
    model = build(Config(), encoder, precision, torch.device(device))
    assert model.encoder.config._attn_implementation == attention
