"""What identifies a run: the content that decides its result, whatever names it was given by."""

import hashlib
import json
from typing import Any

from torch import nn

from biencoder.config import NOT_DECIDING, Config

#: A text whose tokens tell apart tokenizers of one vocabulary: case, accents, signs, other scripts.
PROBE = "Ünïcode CASE, don't; 1,000 … 漢字 \t e\u0301"


def decides(
    config: Config, *, corpus: str, encoder: str, first_stage: str | None, precision: str
) -> dict[str, Any]:
    """All that decides a run's result: the config's fields, resolved, and digests of what its names
    stand for.
    """
    fields = config.model_dump(mode="json", exclude=NOT_DECIDING)
    content = {"corpus": corpus, "encoder": encoder, "init_from": first_stage}
    return content | fields | {"precision": precision}


def identity(decides: dict[str, Any]) -> str:
    """A hash by which people tell runs apart: runs that share it have the same result."""
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]


def encoder_digest(encoder: nn.Module, tokenizer: Any) -> str:
    """A hash of an encoder's weights and its tokenizer, by whatever name they were loaded."""
    content = hashlib.sha256()
    for name, tensor in sorted(encoder.state_dict().items()):
        content.update(f"{name} {tuple(tensor.shape)}".encode())
        content.update(tensor.contiguous().numpy().data)
    words = sorted(tokenizer.get_vocab().items()), tokenizer(PROBE)["input_ids"]
    content.update(json.dumps(words).encode())
    return content.hexdigest()[:16]
