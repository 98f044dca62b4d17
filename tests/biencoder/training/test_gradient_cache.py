import numpy as np
import pytest
import torch
from handmade import make_split
from jobs import interrupted_run, read_log, train, warnings_of

from biencoder.config import Config
from biencoder.data import tokens
from biencoder.data.batches import make_batch
from biencoder.data.tokens import Tokens
from biencoder.model import encoder
from biencoder.model.biencoder import build
from biencoder.runtime import environment
from biencoder.training import gradient_cache, objective
from biencoder.training.gradient_cache import cached_gradients, is_chosen
from biencoder.training.objective import Objective, plain_gradients

WORDS = "the state should not ban what people want to read at home or in any school".split()


@pytest.fixture
def setting(tiny_encoder, monkeypatch):
    """An objective of all losses over a tiny encoder, and a batch of several groups."""
    monkeypatch.setattr(tokens, "GROUP_TOKENS", 40)
    config = Config(
        encoder=str(tiny_encoder), max_length=24, triplet_weight=1, in_batch_weight=2, batch_size=6
    )
    pretrained, tokenizer = encoder.load(config.encoder, "mean", 24)
    torch.manual_seed(0)
    model = build(config, pretrained, "float32")
    pairs = [(" ".join(WORDS[:n]), " ".join(WORDS[-n:])) for n in range(3, 15)]
    split = make_split(pairs)
    texts = np.stack([split.point_ids[:6], split.counter_ids[:6], split.counter_ids[6:]])
    known = Tokens(split.texts, tokenizer, 24)
    batch = make_batch(texts, split, known, torch.device("cpu"))
    assert len(batch.groups) > 3
    return config, Objective(model, config, margin=5.0), known, batch


def gradients_of(objective, gradients, batch):
    objective.zero_grad(set_to_none=True)
    loss = gradients(batch, 0.7)
    return loss, {name: p.grad for name, p in objective.named_parameters()}


def test_cached_gradients_are_the_plain_ones(setting):
    _, whole, _, batch = setting
    loss, plain = gradients_of(whole, plain_gradients(whole), batch)
    cached_loss, cached = gradients_of(whole, cached_gradients(whole), batch)
    torch.testing.assert_close(cached_loss, loss, rtol=1e-6, atol=1e-6)
    assert plain.keys() == cached.keys()
    scale = max(float(gradient.abs().max()) for gradient in plain.values())
    for name, gradient in plain.items():
        torch.testing.assert_close(cached[name], gradient, rtol=1e-5, atol=1e-6 * scale, msg=name)


def test_no_more_than_one_group_is_encoded_at_a_time(setting, monkeypatch):
    _, whole, _, batch = setting
    seen = []
    encode = Objective.encode

    def spy(objective, groups):
        seen.append((len(groups), torch.is_grad_enabled()))
        return encode(objective, groups)

    monkeypatch.setattr(Objective, "encode", spy)
    gradients_of(whole, cached_gradients(whole), batch)
    assert seen == [*[(1, False)] * len(batch.groups), *[(1, True)] * len(batch.groups)]


def test_the_pair_features_of_a_few_points_at_a_time_give_the_same_scores_and_gradients(
    setting, monkeypatch
):
    _, whole, _, batch = setting
    found = []
    for numbers in (1, objective.FEATURES):
        monkeypatch.setattr(objective, "FEATURES", numbers)
        found.append(gradients_of(whole, plain_gradients(whole), batch))
    (one_loss, one), (all_loss, all_at_once) = found
    torch.testing.assert_close(one_loss, all_loss)
    torch.testing.assert_close(one, all_at_once, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("free", "chosen"), [(10**5, True), (10**9, False)])
def test_gradients_are_cached_where_the_graph_of_a_batch_would_not_fit(
    setting, monkeypatch, capsys, free, chosen
):
    config, whole, known, _ = setting
    monkeypatch.setattr(environment, "free_memory", lambda _: free)
    assert is_chosen(config, None, whole.model, known) is chosen
    assert ("gradient caching: else" in capsys.readouterr().out) is chosen


def test_the_estimate_is_the_memory_that_the_graph_of_a_batch_takes(setting, monkeypatch):
    _, whole, known, _ = setting
    longest = int(np.argmax(known.lengths))
    held = [
        gradient_cache._graph(whole, known, [longest] * n, torch.device("cpu")) for n in (1, 2, 5)
    ]
    assert held[2] - held[0] == pytest.approx(4 * (held[1] - held[0]), rel=0.02)
    # Two layers of width 32, two heads, 16 tokens: at least their states and their attention.
    assert held[1] - held[0] > 16 * 2 * (8 * 32 + 2 * 16) * 4


def test_the_flag_and_a_run_that_goes_on_need_no_estimate(setting, monkeypatch):
    config, whole, known, _ = setting
    monkeypatch.setattr(gradient_cache, "_is_needed", None)
    on, off = (config.model_copy(update={"gradient_cache": word}) for word in ("on", "off"))
    assert is_chosen(on, None, whole.model, known) is True
    assert is_chosen(off, {"gradient_cache": True}, whole.model, known) is False
    for former in (True, False):
        assert is_chosen(config, {"gradient_cache": former}, whole.model, known) is former


def test_a_run_with_cached_gradients_loses_what_a_plain_one_loses(settings):
    losses = []
    for word in ("on", "off"):
        config = Config(**settings | {"gradient_cache": word, "run_id": word, "log_every": 1})
        train(config)
        assert read_log(config)[0]["gradient_cache"] is (word == "on")
        losses.append([line["loss"] for line in read_log(config) if line["event"] == "step"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_what_was_chosen_at_the_start_is_kept_by_a_run_that_goes_on(settings, monkeypatch):
    config = Config(**settings)
    monkeypatch.setattr(environment, "free_memory", lambda _: 0)
    interrupted_run(config, monkeypatch)
    monkeypatch.setattr(environment, "free_memory", lambda _: 10**12)
    assert train(config) == 0
    (resumed,) = [line for line in read_log(config) if line["event"] == "resume"]
    assert resumed["gradient_cache"] is True
    assert warnings_of(config) == []


def test_a_run_goes_on_with_another_flag_and_is_warned_of_its_last_bits(settings, monkeypatch):
    interrupted_run(Config(**settings | {"gradient_cache": "off"}), monkeypatch)
    config = Config(**settings | {"gradient_cache": "on"})
    assert train(config) == 0
    (warning,) = warnings_of(config)
    assert warning["message"].startswith("gradient_cache is another than at the start of the run")
