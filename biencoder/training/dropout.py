"""Dropout that draws its random numbers four at a time, for CPUs.

There torch draws one by one, which takes about a fifth of a training step. Each number here has 16
bits: the share that is dropped is p rounded to a multiple of 1/65,536, and the rest is scaled to
match that share.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

#: The values that one of the random numbers can take.
_LEVELS = 2**16


class QuickDropout(TorchFunctionMode):
    """Replaces `F.dropout` and the dropout of attention by `dropout` within the block.

    It works for any encoder whose tensors are on the CPU.
    """

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if function is F.dropout and not kwargs.get("inplace"):
            return _dropout_as_called(*args, **kwargs)
        if function is F.scaled_dot_product_attention and kwargs.get("dropout_p"):
            if not kwargs.get("is_causal") and not kwargs.get("enable_gqa"):
                return _attention_as_called(*args, **kwargs)
        return function(*args, **kwargs)


def dropout(values: Tensor, p: float) -> Tensor:
    """Set each value to 0 with probability p, and scale the others to keep the expectation."""
    dropped = round(p * _LEVELS)
    if dropped == _LEVELS:
        return values * 0
    words = torch.empty(-(-values.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    numbers = words.view(torch.int16)[: values.numel()].view(values.shape)
    kept = (numbers >= dropped - _LEVELS // 2).to(values.dtype)
    return values * kept.mul_(_LEVELS / (_LEVELS - dropped))


def attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, p: float, scale: float
) -> Tensor:
    """`F.scaled_dot_product_attention` with its weights' dropout by `dropout`.

    [..., L, E] each; the mask is True where a key may be looked at, or is added to the scores.
    """
    scores = (query * scale) @ key.transpose(-1, -2)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask
    return dropout(scores.softmax(-1), p) @ value


def _dropout_as_called(values: Tensor, p: float = 0.5, training: bool = True, **_: Any) -> Tensor:
    return dropout(values, p) if training and p else values


def _attention_as_called(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    scale: float | None = None,
    **_: Any,
) -> Tensor:
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    return attention(query, key, value, attn_mask, dropout_p, scale)
