import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import DistilBertConfig, DistilBertModel

from biencoder.errors import EncoderError
from biencoder.model.encoder import from_folder, load


def test_layers_keeps_the_first_ones_of_the_encoder(tiny_encoder):
    whole, _ = load(str(tiny_encoder), "mean", max_length=24)
    shorter, _ = load(str(tiny_encoder), "mean", max_length=24, layers=1)
    assert len(shorter.encoder.layer) == shorter.config.num_hidden_layers == 1
    kept = shorter.state_dict()
    assert all(torch.equal(whole.state_dict()[name], tensor) for name, tensor in kept.items())


def test_more_layers_than_the_encoder_has_are_refused_by_name(tiny_encoder):
    with pytest.raises(EncoderError, match="--layers=3: .* has 2; name fewer"):
        load(str(tiny_encoder), "mean", max_length=24, layers=3)


def test_a_local_folder_is_loaded_with_its_tokenizer(tiny_encoder):
    encoder, tokenizer = load(str(tiny_encoder), "mean", max_length=64)
    tokens = tokenizer(["a point"], return_tensors="pt")
    assert encoder(**tokens).last_hidden_state.shape[-1] == encoder.config.hidden_size == 32


def test_the_packaged_encoder_loads_without_any_network(monkeypatch):
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("asked the network"))
    encoder, _ = load("all-MiniLM-L6-v2", "mean", max_length=128)
    assert encoder.config.hidden_size == 384


def test_the_pooler_stays_only_where_it_is_used(tiny_encoder):
    names = [
        {name.split(".")[0] for name, _ in load(str(tiny_encoder), pooling, 64)[0].named_children()}
        for pooling in ("mean", "cls", "pooler")
    ]
    assert ["pooler" in children for children in names] == [False, False, True]
    encoder, _ = load(str(tiny_encoder), "mean", 64)
    assert not any("pooler" in name for name, _ in encoder.named_parameters())


def test_weights_are_float32(tiny_encoder):
    encoder, _ = load(str(tiny_encoder), "pooler", 64)
    assert {parameter.dtype for parameter in encoder.parameters()} == {torch.float32}


def test_an_encoder_without_a_pooler_says_what_to_use(tiny_encoder, tmp_path):
    _, tokenizer = load(str(tiny_encoder), "mean", 64)
    tokenizer.save_pretrained(tmp_path)
    DistilBertModel(
        DistilBertConfig(vocab_size=99, dim=8, n_layers=1, n_heads=1, hidden_dim=8)
    ).save_pretrained(tmp_path)
    with pytest.raises(EncoderError, match="has no pooler layer; use mean or cls"):
        load(str(tmp_path), "pooler", 64)


def test_a_length_that_the_encoder_cannot_read_is_refused(tiny_encoder):
    with pytest.raises(EncoderError, match=r"--max_length=65: .* reads at most 64 tokens"):
        load(str(tiny_encoder), "mean", 65)


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(EncoderError, match="holds no model that can be loaded: there is no config"):
        load(str(tmp_path), "mean", 64)


@pytest.fixture
def damaged(tiny_encoder, tmp_path):
    """A copy of the tiny encoder to damage."""
    folder = tmp_path / "encoder"
    shutil.copytree(tiny_encoder, folder)
    return folder


def refused(folder, reason):
    with pytest.raises(EncoderError, match=reason) as error:
        load(str(folder), "mean", 64)
    assert "\n" not in str(error.value)


def test_weights_under_other_names_are_not_replaced_by_random_ones(damaged):
    weights = load_file(damaged / "model.safetensors")
    save_file(
        {f"foo.{name}": tensor for name, tensor in weights.items()},
        damaged / "model.safetensors",
        {"format": "pt"},
    )
    refused(damaged, "of its weights are missing, embeddings.LayerNorm.bias for one")


def test_pickled_weights_are_not_loaded(damaged):
    torch.save(load_file(damaged / "model.safetensors"), damaged / "pytorch_model.bin")
    (damaged / "model.safetensors").unlink()
    refused(damaged, "no weights as .safetensors in it .pickles are not loaded")


def test_torn_weights_are_named(damaged):
    content = (damaged / "model.safetensors").read_bytes()
    (damaged / "model.safetensors").write_bytes(content[:1000])
    refused(damaged, "holds no model that can be loaded: ")


def test_a_pointer_of_git_lfs_is_named(damaged):
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    (damaged / "model.safetensors").write_text(pointer)
    refused(damaged, "model.safetensors only points to the real file: fetch it by `git lfs pull`")


def test_a_folder_without_a_vocabulary_is_named(damaged):
    for name in ("tokenizer.json", "vocab.txt"):
        (damaged / name).unlink(missing_ok=True)
    refused(damaged, "there is no tokenizer's vocabulary in it .tokenizer.json, vocab.txt, ")


def test_an_index_that_leads_out_of_the_folder_is_refused(damaged):
    index = {"metadata": {}, "weight_map": {"embeddings.LayerNorm.bias": "../../secret"}}
    (damaged / "model.safetensors.index.json").write_text(json.dumps(index))
    refused(damaged, "index.json: names weights outside of its folder")


def test_more_layers_than_any_encoder_has_are_refused_before_they_are_made(damaged):
    config = json.loads((damaged / "config.json").read_text()) | {"num_hidden_layers": 10**6}
    (damaged / "config.json").write_text(json.dumps(config))
    refused(damaged, "1,000,000 layers, more than any encoder has")
    with pytest.raises(EncoderError, match="1,000,000 layers"):
        from_folder(damaged, "mean", 64)


def test_a_strangers_code_is_neither_run_nor_asked_about(damaged, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("asked"))
    config = json.loads((damaged / "config.json").read_text())
    config |= {"model_type": "evil", "auto_map": {"AutoConfig": "evil.C", "AutoModel": "evil.M"}}
    (damaged / "config.json").write_text(json.dumps(config))
    (damaged / "evil.py").write_text("raise SystemExit('it ran')")
    refused(damaged, "holds no model that can be loaded")
    with pytest.raises(EncoderError, match="holds no encoder configuration"):
        from_folder(damaged, "mean", 64)


def test_a_vocabulary_smaller_than_the_tokenizers_is_found_out_at_once(damaged):
    config = json.loads((damaged / "config.json").read_text()) | {"vocab_size": 50}
    (damaged / "config.json").write_text(json.dumps(config))
    weights = load_file(damaged / "model.safetensors")
    name = "embeddings.word_embeddings.weight"
    save_file(
        weights | {name: weights[name][:50].clone()},
        damaged / "model.safetensors",
        {"format": "pt"},
    )
    refused(damaged, "cannot read 64 tokens of its tokenizer")


def test_a_path_to_nothing_is_named_and_the_hub_not_asked(tmp_path, capsys):
    with pytest.raises(EncoderError, match="nothing: no such folder"):
        load(str(tmp_path / "nothing"), "mean", 64)
    assert capsys.readouterr().err == ""


def test_a_hub_that_does_not_answer_is_one_clear_line(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(
        EncoderError, match=r"--encoder=no/such-model: .* did not provide .*\(OSError: .*\); check"
    ) as info:
        load("no/such-model", "mean", 64)
    assert "\n" not in str(info.value)
