"""Computes the training objective and its gradients."""

from contextlib import nullcontext

import torch
from torch import Tensor, nn

from biencoder.data.batches import Batch
from biencoder.model.biencoder import BiEncoder
from biencoder.model.losses import Loss, in_batch_loss, total_loss
from biencoder.runtime import distributed
from biencoder.training.dropout import QuickDropout


class Objective(nn.Module):
    """Combines model and loss in one forward, as `DistributedDataParallel` needs."""

    def __init__(self, model: BiEncoder, margin: float, in_batch_weight: float = 0.0) -> None:
        super().__init__()
        self.model, self.margin, self.in_batch_weight = model, margin, in_batch_weight

    def forward(self, batch: Batch) -> Loss:
        """Compute the loss of the batch's triplets."""
        with QuickDropout() if batch.triplets.device.type == "cpu" else nullcontext():
            vectors = [self.model(input_ids, mask) for input_ids, mask in batch.groups]
        sim, h = (torch.cat(parts) for parts in zip(*vectors, strict=True))
        loss = triplet_step(self.model, sim[batch.triplets], h[batch.triplets], self.margin)
        if not self.in_batch_weight:
            return loss
        candidates = distributed.all_gather_rows(sim[batch.given], batch.given_as, batch.candidates)
        anchors = sim[batch.triplets[0]]
        in_batch = in_batch_loss(anchors, candidates, batch.positives, batch.masked)
        return loss._replace(total=loss.total + self.in_batch_weight * in_batch, in_batch=in_batch)


def triplet_step(model: BiEncoder, sim: Tensor, h: Tensor, margin: float) -> Loss:
    """Compute the loss of B triplets (point, counter, negative): sim [3, B, S], h [3, B, H]."""
    sim_p, sim_c, sim_n = sim
    h_p, h_c, h_n = h
    is_counter = model.pair_logits(sim_p, h_p, sim_c, h_c)
    is_not = model.pair_logits(sim_p, h_p, sim_n, h_n)
    return total_loss(sim_p, sim_c, sim_n, is_counter, is_not, margin)


def backward(objective: nn.Module, batch: Batch, pairs: int) -> Loss:
    """Compute the gradients of a batch of `pairs` pairs; returns the loss, detached.

    The processes share the pairs; gradients and loss are those of one process with all of them.
    """
    weight = len(distributed.shard(pairs)) * distributed.world_size() / pairs
    loss: Loss = objective(batch)
    (loss.total * weight).backward()
    parts = torch.stack(loss).detach() * (weight / distributed.world_size())
    distributed.all_reduce(parts)
    return Loss(*parts)
