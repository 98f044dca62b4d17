import pytest
import torch
from jobs import OF_THE_MOMENT, read_log, train, untrained_of

from biencoder.config import Config
from biencoder.errors import EncoderError
from biencoder.retrieval import embedding
from biencoder.retrieval.embedding import encode
from biencoder.training import evaluation


def test_each_split_is_encoded_once_an_evaluation(settings, monkeypatch):
    """The untrained encoder's figures and the evaluation before training share their vectors."""
    embedded = []

    def spy(model, tokens, device, label, after_round):
        embedded.append(label)
        return encode(model, tokens, device, label, after_round)

    monkeypatch.setattr(evaluation, "encode", spy)
    monkeypatch.setattr(embedding, "encode", spy)
    config = Config(**settings | {"epochs": 2})
    train(config)
    assert sorted(embedded) == sorted(3 * ["training", "validation", "test"])


def test_an_encoder_whose_vectors_are_not_finite_is_refused(settings, monkeypatch):
    def broken(model, tokens, *_):
        return torch.full((len(tokens.texts), 8), torch.nan)

    monkeypatch.setattr(evaluation, "encode", broken)
    with pytest.raises(EncoderError, match="--encoder: its vectors of training contain NaN"):
        train(Config(**settings))


def test_kept_leaked_pairs_add_the_figures_of_unseen_points(settings):
    config = Config(**settings | {"epochs": 0, "leaked_pairs": "keep"})
    train(config)
    evals = {line["split"]: line for line in read_log(config) if line["event"] == "eval"}
    assert evals["training"]["n_unseen"] == 0
    assert evals["training"]["top1_unseen"] is None
    assert evals["training"]["nonfinite"] == ["top1_unseen"]
    assert evals["validation"]["n_unseen"] == evals["validation"]["n"]


def test_the_untrained_encoder_is_the_same_beside_every_variant_and_a_second_stage(settings):
    found = []
    for flags in (
        {"run_id": "run"},
        {"variant": "without_layernorm_relu", "run_id": "bare"},
        {"init_from": "run", "run_id": "second"},
    ):
        config = Config(**settings | flags)
        train(config)
        found.append(untrained_of(config))
    assert [line["split"] for line in found[0]] == ["training", "validation", "test"]
    assert all(line["top1"] == line["nearest_top1"] for line in found[0])
    assert found[0] == found[1] == found[2]


def test_runs_of_one_corpus_and_encoder_encode_it_untrained_once_and_log_the_same(
    settings, monkeypatch
):
    encoded = []

    def spy(model, tokens, device, label, after_round):
        encoded.append(label)
        return encode(model, tokens, device, label, after_round)

    monkeypatch.setenv("BIENCODER_COMMIT", "a" * 40)
    monkeypatch.setattr(evaluation, "encode", spy)
    logs = []
    for name, variant in (("first", "with_relu"), ("bare", "without_relu"), ("again", "with_relu")):
        config = Config(**settings | {"epochs": 0, "run_id": name, "variant": variant})
        train(config)
        logs.append(
            [
                {key: value for key, value in line.items() if key not in OF_THE_MOMENT}
                for line in read_log(config)[1:]
            ]
        )
        for line in logs[-1]:
            line.pop("run_id")
            line.pop("predictions_sha256", None)
    assert encoded == ["training", "validation", "test"]
    assert logs[0] == logs[2]
    assert logs[0] != logs[1]
