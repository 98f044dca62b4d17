import shutil

import pytest
import torch

from biencoder.config import Config
from biencoder.model import encoder
from biencoder.storage.identity import decides, encoder_digest, identity

CONTENT = {"corpus": "c", "encoder": "e", "first_stage": None, "precision": "float32"}


@pytest.mark.parametrize(
    "flags",
    [
        {"data_dir": "elsewhere"},
        {"encoder": "sentence-transformers/all-MiniLM-L6-v2"},
        {"log_dir": "a", "checkpoint_dir": "b", "run_id": "c", "device": "cpu"},
        {"log_every": 1, "checkpoint_every": "2steps", "first_epoch_evals": 4},
        {"variant": "with_layernorm_relu"},
        {"negatives": "only_random"},
        {"recipe": "strong"},
        {"precision": "float32"},
    ],
)
def test_names_and_places_do_not_identify_a_run(flags):
    assert identity(decides(Config(**flags), **CONTENT)) == identity(decides(Config(), **CONTENT))


@pytest.mark.parametrize("name", CONTENT)
def test_content_does(name):
    other = decides(Config(), **CONTENT | {name: "other"})
    assert identity(other) != identity(decides(Config(), **CONTENT))


@pytest.mark.parametrize("flags", [{"lr": 0.1}, {"seed": 1}, {"relu": "off"}, {"max_length": 9}])
def test_a_flag_that_decides_the_result_does(flags):
    assert identity(decides(Config(**flags), **CONTENT)) != identity(decides(Config(), **CONTENT))


def test_an_encoder_is_known_by_its_weights_and_tokenizer_not_by_its_place(tiny_encoder, tmp_path):
    shutil.copytree(tiny_encoder, tmp_path / "copy")
    there, here = (
        encoder.load(str(folder), "mean", 24) for folder in (tiny_encoder, tmp_path / "copy")
    )
    assert encoder_digest(*there) == encoder_digest(*here)
    with torch.no_grad():
        here[0].embeddings.word_embeddings.weight[0, 0] += 1e-3
    assert encoder_digest(*there) != encoder_digest(*here)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("config.json", '"hidden_act": "gelu"', '"hidden_act": "relu"'),
        ("config.json", '"hidden_dropout_prob": 0.1', '"hidden_dropout_prob": 0.5'),
        ("tokenizer_config.json", "{", '{"truncation_side": "left",'),
        ("tokenizer.json", '"Lowercase"', '"NFC"'),  # which splits otherwise
    ],
)
def test_with_the_same_weights_an_encoder_or_tokenizer_that_acts_otherwise_is_another(
    tiny_encoder, tmp_path, file, old, new
):
    folder = tmp_path / "changed"
    shutil.copytree(tiny_encoder, folder)
    text = (folder / file).read_text("utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), "utf-8")
    digests = {encoder_digest(*encoder.load(str(f), "mean", 24)) for f in (tiny_encoder, folder)}
    assert len(digests) == 2
