"""Computes the training objective and its gradients."""

from contextlib import nullcontext

import torch
from torch import Tensor, nn

from biencoder.config import Config
from biencoder.data.batches import Batch
from biencoder.model.biencoder import BiEncoder
from biencoder.model.losses import Loss, in_batch_loss, listwise_loss, pair_loss, triplet_loss
from biencoder.runtime import distributed
from biencoder.training.dropout import QuickDropout


class Objective(nn.Module):
    """Combines model and loss in one forward, as `DistributedDataParallel` needs.

    `margin` is the triplet margin in Euclidean distance.
    """

    def __init__(self, model: BiEncoder, config: Config, margin: float) -> None:
        super().__init__()
        self.model, self.margin = model, margin
        self.triplet_weight = config.triplet_weight
        self.in_batch_weight = config.in_batch_weight
        self.listwise_weight = config.listwise_weight

    @property
    def uses_all_parameters(self) -> bool:
        """Whether it is sure that every parameter gets a gradient."""
        trains_head = self.triplet_weight or self.listwise_weight
        return self.model.fusion == "concatenated" and bool(trains_head)

    def forward(self, batch: Batch) -> Loss:
        """Compute the loss of the batch, which holds negatives where triplets have a weight."""
        with QuickDropout() if batch.triplets.device.type == "cpu" else nullcontext():
            vectors = [self.model(input_ids, mask) for input_ids, mask in batch.groups]
        sim, h = (torch.cat(parts) for parts in zip(*vectors, strict=True))
        triplet = positive = negative = in_batch = listwise = sim.new_zeros(())
        if self.triplet_weight:
            triplet, positive, negative = triplet_step(
                self.model, sim[batch.triplets], h[batch.triplets], self.margin
            )
        if self.in_batch_weight or self.listwise_weight:
            in_batch, listwise = self.among_texts(sim, h, batch)
        total = (
            self.triplet_weight * (triplet + positive + negative)
            + self.in_batch_weight * in_batch
            + self.listwise_weight * listwise
        )
        return Loss(total, triplet, positive, negative, in_batch, listwise)

    def among_texts(self, sim: Tensor, h: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Compute the in-batch and the listwise loss, each 0 without weight.

        `sim` [D, S] and `h` [D, H] are the vectors of the texts that this process encoded; the
        candidates are those of all processes.
        """

        def candidates(vectors: Tensor) -> Tensor:
            given = vectors[batch.given]
            return distributed.all_gather_rows(given, batch.given_as, batch.candidates)

        points = batch.triplets[0]
        sim_all, in_batch, listwise = candidates(sim), sim.new_zeros(()), sim.new_zeros(())
        if self.in_batch_weight:
            in_batch = in_batch_loss(sim[points], sim_all, batch.positives, batch.masked)
        if self.listwise_weight:
            sim_p, h_p = sim[points].unsqueeze(1), h[points].unsqueeze(1)
            scores = self.model.pair_score(sim_p, h_p, sim_all, candidates(h))
            listwise = listwise_loss(scores, batch.positives, batch.masked)
        return in_batch, listwise


def triplet_step(
    model: BiEncoder, sim: Tensor, h: Tensor, margin: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the documented objective's parts for B triplets (point, counter, negative).

    `sim` [3, B, S], `h` [3, B, H] → the triplet loss, the cross-entropy of the counter and that of
    the negative.
    """
    sim_p, sim_c, sim_n = sim
    h_p, h_c, h_n = h
    is_counter = pair_loss(model.pair_logits(sim_p, h_p, sim_c, h_c), True)
    is_not = pair_loss(model.pair_logits(sim_p, h_p, sim_n, h_n), False)
    return triplet_loss(sim_p, sim_c, sim_n, margin), is_counter, is_not


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
