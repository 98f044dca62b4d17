"""Identifies a run by the content that decides its result, not by names and paths."""

import hashlib
import json
from typing import Any

from torch import nn

from biencoder.config import NOT_DECIDING, Config

#: A text whose tokens tell apart tokenizers of one vocabulary: case, accents, signs, other scripts.
PROBE = "Ünïcode CASE, don't; 1,000 … 漢字 \t e\u0301"

#: Settings of an encoder that change nothing it computes.
NEUTRAL_SETTINGS = {"_name_or_path", "transformers_version", "architectures", "dtype"}


def decides(
    config: Config, *, corpus: str, encoder: str, first_stage: str | None, precision: str
) -> dict[str, Any]:
    """Collect all that decides a run's result: resolved config fields, and digests in the place of
    names.
    """
    fields = config.model_dump(mode="json", exclude=NOT_DECIDING)
    content = {"corpus": corpus, "encoder": encoder, "init_from": first_stage}
    return content | fields | {"precision": precision}


def identity(decides: dict[str, Any]) -> str:
    """Hash what decides a result, 16 hexadecimal digits; equal ones mean equal results."""
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]


def encoder_digest(encoder: nn.Module, tokenizer: Any) -> str:
    """Hash an encoder's weights and settings and its tokenizer, whatever name they have."""
    content = hashlib.sha256()
    for name, tensor in sorted(encoder.state_dict().items()):
        content.update(f"{name} {tuple(tensor.shape)}".encode())
        content.update(tensor.contiguous().numpy().data)
    config: Any = encoder.config
    settings = {k: v for k, v in config.to_dict().items() if k not in NEUTRAL_SETTINGS}
    cut = tokenizer(PROBE, truncation=True, max_length=8)["input_ids"]
    words = sorted(tokenizer.get_vocab().items()), tokenizer(PROBE)["input_ids"], cut
    content.update(json.dumps([settings, words], sort_keys=True, default=str).encode())
    return content.hexdigest()[:16]
