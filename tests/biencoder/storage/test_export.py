"""Encoders of ten architectures, from a folder to sentence-transformers and back."""

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from transformers import AutoConfig, AutoModel, AutoTokenizer

from biencoder.config import Config
from biencoder.data.tokens import Tokens
from biencoder.errors import EncoderError
from biencoder.model.biencoder import build
from biencoder.model.encoder import load
from biencoder.retrieval.embedding import embed
from biencoder.storage import checkpoint, run_checkpoints
from biencoder.storage.export import FOLDER, export
from biencoder.storage.progress import Best, Progress, State

CPU = torch.device("cpu")
TEXTS = ["homework should be abolished", "it should not", "why the school, and why the state?"]

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 66,
    "pad_token_id": 0,
}
#: Architecture → settings beside `SIZES`, and whether it has a pooler.
ARCHITECTURES = {
    "bert": ({}, True),
    "roberta": ({}, True),
    "electra": ({"embedding_size": 32}, False),
    "albert": ({"embedding_size": 32}, True),
    "big_bird": ({"attention_type": "original_full"}, True),
    "mpnet": ({"pad_token_id": 1}, True),
    "distilbert": ({"dim": 32, "n_layers": 1, "n_heads": 2, "hidden_dim": 64}, False),
    "longformer": ({"attention_window": [8]}, True),
    "xlnet": ({"d_model": 32, "n_layer": 1, "n_head": 2, "d_inner": 64}, False),
    "mobilebert": ({"embedding_size": 32, "intra_bottleneck_size": 16}, True),
}
#: Those whose settings have other names for the sizes.
OWN_NAMES = ("distilbert", "xlnet")


def save_encoder(architecture, folder, tiny_encoder):
    """Save a one-layer encoder of random weights with the tiny encoder's tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(tiny_encoder)
    settings, _ = ARCHITECTURES[architecture]
    sizes = {"pad_token_id": 0} if architecture in OWN_NAMES else SIZES
    config = AutoConfig.for_model(architecture, vocab_size=len(tokenizer), **(sizes | settings))
    torch.manual_seed(0)
    AutoModel.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_an_encoder_is_exported_and_saved_as_it_is_with_each_pooling_that_it_has(
    architecture, tiny_encoder, tmp_path
):
    save_encoder(architecture, tmp_path / "encoder", tiny_encoder)
    has_pooler = ARCHITECTURES[architecture][1]
    for pooling in ("mean", "cls", "pooler") if has_pooler else ("mean", "cls"):
        encoder, tokenizer = load(str(tmp_path / "encoder"), pooling, 24)
        config = Config(pooling=pooling, max_length=24, precision="float32")
        torch.manual_seed(0)
        model = build(config, encoder, "float32")
        tokens = Tokens(TEXTS, tokenizer, 24)
        ours = embed(model, tokens, CPU, "texts").sim

        figures = {"validation": 0.5}
        progress = Progress(best=Best(epoch=0, top1=figures), untrained=figures)
        folder = run_checkpoints.folder(tmp_path / pooling, progress)
        state = State(run_id="run", config=config, progress=progress)
        run_checkpoints.save(folder, model, tokenizer, state, {}, best=True)
        saved, _, _ = checkpoint.load(folder, CPU)
        assert torch.equal(embed(saved, tokens, CPU, "texts").sim, ours)

        export(model, tokenizer, tmp_path / pooling, {"validation": 2})
        exported = SentenceTransformer(str(tmp_path / pooling / FOLDER), device="cpu")
        np.testing.assert_allclose(exported.encode(TEXTS), ours, atol=1e-5)
    if not has_pooler:
        with pytest.raises(EncoderError, match="has no pooler layer; use mean or cls"):
            load(str(tmp_path / "encoder"), "pooler", 24)


def test_a_pooler_that_the_exported_model_could_not_have_is_refused_before_training(
    tiny_encoder, tmp_path
):
    settings = {"embedding_size": 32, "classifier_activation": False}  # then it has no layer
    config = AutoConfig.for_model("mobilebert", vocab_size=4000, **(SIZES | settings))
    AutoModel.from_config(config).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_encoder).save_pretrained(tmp_path)
    load(str(tmp_path), "mean", 24)
    with pytest.raises(EncoderError, match="--pooling=pooler: the pooler of .* is no dense layer"):
        load(str(tmp_path), "pooler", 24)
