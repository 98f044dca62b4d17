"""Gradient caching: a step's memory depends on a group of texts, not on the batch.

The texts are encoded without graph, the loss is differentiated with respect to their vectors, and
the groups are encoded once more, each with its graph, and handed the gradients of their vectors.
Gao et al., Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup, 2021.
"""

from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from biencoder.config import Config
from biencoder.data.batches import Batch
from biencoder.data.tokens import Tokens
from biencoder.model.biencoder import BiEncoder
from biencoder.model.losses import Loss
from biencoder.runtime import distributed, environment
from biencoder.runtime.console import say
from biencoder.training.objective import Gradients, Objective

#: Share of the memory at hand that a batch's graph and the optimiser may take.
SHARE = 0.75


def cached_gradients(objective: Objective) -> Gradients:
    """Return a function that computes gradients group by group."""
    return partial(_gradients, objective)


def _gradients(objective: Objective, batch: Batch, weight: float) -> Loss:
    with torch.no_grad(), objective.model.autocast():
        pooled = torch.cat([objective.encode([group]) for group in batch.groups])
    pooled.requires_grad_()
    loss = objective.loss(pooled, batch)
    (loss.total * weight).backward()
    sizes = [len(input_ids) for input_ids, _ in batch.groups]
    gradients = torch.split(pooled.grad, sizes)  # type: ignore[arg-type]
    for group, gradient in zip(batch.groups, gradients, strict=True):
        objective.encode([group]).backward(gradient)
    distributed.average_gradients(objective.parameters())
    return loss


def is_chosen(
    config: Config, start: dict[str, Any] | None, model: BiEncoder, tokens: Tokens
) -> bool:
    """Choose whether a run caches gradients; one that goes on keeps what its `start` logged."""
    if config.gradient_cache != "auto":
        return config.gradient_cache == "on"
    if start:
        return bool(start.get("gradient_cache"))
    return _is_needed(Objective(model, config, margin=0.0), tokens, config)


def _is_needed(objective: Objective, tokens: Tokens, config: Config) -> bool:
    """Estimate whether the graph of the largest possible batch does not fit into memory."""
    device = objective.model.head.weight.device
    columns = 3 if config.triplet_weight else 2
    pairs = -(-config.batch_size // distributed.world_size())
    texts = min(columns * pairs, len(tokens.lengths))
    longest = int(np.argmax(tokens.lengths))
    one, two = (_graph(objective, tokens, [longest] * count, device) for count in (1, 2))
    optimiser = 3 * sum(p.numel() * p.element_size() for p in objective.parameters())
    needed, there = texts * (two - one) + optimiser, environment.free_memory(device)
    is_too_much = bool(distributed.all_reduce_max(int(needed > SHARE * there)))
    if is_too_much:
        say(
            f"gradient caching: else a step may need {needed / 1e9:.1f} GB, and "
            f"{there / 1e9:.1f} GB are free (--gradient_cache=off tries it)"
        )
    return is_too_much


def _graph(objective: Objective, tokens: Tokens, rows: list[int], device: torch.device) -> int:
    """Measure the bytes that are held for the gradients of some texts, weights included."""
    storages: dict[int, int] = {}

    def measure(tensor: Tensor) -> Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with saved_tensors_hooks(measure, lambda tensor: tensor):
        pooled = objective.encode([tokens.batch(np.array(rows), device)])
    del pooled  # kept until here: a tensor that is freed would give its address to another
    return sum(storages.values())
