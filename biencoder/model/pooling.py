"""Passes tokens through the encoder and makes one vector of a text's token states."""

from typing import Any

import torch
from torch import Tensor

#: Kinds of encoders, by transformers' names, in which every layer attends to every token of the
#: text and accepts the mask of `ready_mask`, and which read word embeddings as they read ids.
PLAIN_ENCODERS = {"bert", "camembert", "distilbert", "electra", "mpnet", "roberta", "xlm-roberta"}


def pooled_vector(
    encoder: Any,
    input_ids: Tensor,
    attention_mask: Tensor | None,
    pooling: str,
    words: Tensor | None = None,
) -> Tensor:
    """Token ids and mask, [B, L] each → one vector a text, [B, H], in float32.

    `words` [B, L, E] are the word embeddings of the ids, where they were looked up before.
    """
    ready = attention_mask if attention_mask is None else ready_mask(encoder.config, attention_mask)
    texts = {"input_ids": input_ids} if words is None else {"inputs_embeds": words}
    output = encoder(**texts, attention_mask=ready)
    if pooling == "pooler":
        pooled: Tensor = output.pooler_output.float()
        return pooled
    return pool(output.last_hidden_state.float(), attention_mask, pooling)


def ready_mask(config: Any, mask: Tensor) -> Tensor:
    """Turn a mask [B, L] into the one that the encoder's attention uses, [B, 1, 1, L]; where that
    is not known, into 0 and 1, [B, L], of which the encoder makes its own.

    Before an encoder makes its own mask, it looks whether any token is masked, and for that look
    the processor has to wait for the GPU.
    """
    if getattr(config, "model_type", None) not in PLAIN_ENCODERS:
        return mask.long()  # some compute with it
    places = mask[:, None, None, :]
    if config._attn_implementation == "sdpa":
        return places
    # It is added to the scores, which a mask of float32 would lift from bfloat16.
    in_bfloat16 = torch.is_autocast_enabled(mask.device.type)
    type_of_scores = torch.bfloat16 if in_bfloat16 else torch.float32
    lowest = torch.finfo(type_of_scores).min
    return torch.zeros_like(places, dtype=type_of_scores).masked_fill(~places, lowest)


def pool(hidden: Tensor, mask: Tensor | None, pooling: str) -> Tensor:
    """Token states [B, L, H] and mask [B, L] → [B, H]: their mean, or the first token's state."""
    if pooling == "cls":
        return hidden[:, 0]
    if mask is None:
        return hidden.mean(1)
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1)
