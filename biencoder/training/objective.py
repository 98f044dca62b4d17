"""Computes the training objective and its gradients."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from biencoder.config import Config
from biencoder.data.batches import Batch
from biencoder.data.tokens import Group
from biencoder.model.biencoder import BiEncoder
from biencoder.model.losses import Loss, in_batch_loss, listwise_loss, pair_loss, triplet_loss
from biencoder.model.pooling import PLAIN_ENCODERS
from biencoder.runtime import distributed

#: Adds the gradients of a batch's loss, times a weight, to the parameters'; returns the loss.
Gradients = Callable[[Batch, float], Loss]

#: Numbers of pair features held at a time, so that memory does not grow with the batch's square.
FEATURES = 2**24


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

    def uses_all_parameters(self, group: Group) -> bool:
        """Whether every parameter is sure to get a gradient; for the encoder's a trial tells.

        Some encoders have parameters that take no part, such as Longformer's for global attention.
        """
        if self.model.fusion != "concatenated" or not (self.triplet_weight or self.listwise_weight):
            return False
        self.encode([group]).sum().backward()
        is_reached = all(p.grad is not None for p in self.model.encoder.parameters())
        self.zero_grad(set_to_none=True)
        return is_reached

    def forward(self, batch: Batch) -> Loss:
        """Compute the loss of the batch, which holds negatives where triplets have a weight."""
        return self.loss(self.encode(batch.groups), batch)

    def encode(self, groups: Sequence[Group]) -> Tensor:
        """Encode the texts of some of a batch's groups into pooled vectors [D, H]."""
        words = self.words([input_ids for input_ids, _ in groups])
        with self.model.autocast():
            return torch.cat(
                [
                    self.model.pooled(*group, of_group)
                    for group, of_group in zip(groups, words, strict=True)
                ]
            )

    def words(self, ids: Sequence[Tensor]) -> Sequence[Tensor | None]:
        """Look up the word embeddings of all groups at once, [B, L] each → [B, L, E].

        Their gradient is as large as the vocabulary, and else would be made once a group. None,
        for each group: an encoder that may read them otherwise than ids.
        """
        encoder = self.model.encoder
        if getattr(encoder.config, "model_type", None) not in PLAIN_ENCODERS:
            return [None] * len(ids)
        found = encoder.get_input_embeddings()(torch.cat([of_group.flatten() for of_group in ids]))
        of_groups = found.split([of_group.numel() for of_group in ids])
        return [
            of_group.view(*shaped.shape, -1)
            for of_group, shaped in zip(of_groups, ids, strict=True)
        ]

    def loss(self, pooled: Tensor, batch: Batch) -> Loss:
        """Compute the loss of the batch from its texts' pooled vectors [D, H]."""
        sim, h = self.model.project(pooled)
        triplet = positive = negative = in_batch = listwise = sim.new_zeros(())
        if self.triplet_weight:
            triplet, positive, negative = triplet_losses(
                self.model, sim[batch.triplets], h[batch.triplets], self.margin
            )
        if self.in_batch_weight or self.listwise_weight:
            in_batch, listwise = self.batch_losses(sim, h, batch)
        total = (
            self.triplet_weight * (triplet + positive + negative)
            + self.in_batch_weight * in_batch
            + self.listwise_weight * listwise
        )
        return Loss(total, triplet, positive, negative, in_batch, listwise)

    def batch_losses(self, sim: Tensor, h: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Compute the in-batch and the listwise loss, each 0 without weight.

        `sim` [D, S] and `h` [D, H] are the vectors of the texts that this process encoded; the
        candidates are those of all processes.
        """

        def candidates(vectors: Tensor) -> Tensor:
            given = vectors[batch.given]
            return distributed.all_gather_rows(given, batch.given_as, batch.candidate_count)

        points = batch.triplets[0]
        sim_all, in_batch, listwise = candidates(sim), sim.new_zeros(()), sim.new_zeros(())
        if self.in_batch_weight:
            in_batch = in_batch_loss(sim[points], sim_all, batch.positives, batch.masked)
        if self.listwise_weight:
            scores = self.scores(sim[points], h[points], sim_all, candidates(h))
            listwise = listwise_loss(scores, batch.positives, batch.masked)
        return in_batch, listwise

    def scores(self, sim_p: Tensor, h_p: Tensor, sim_c: Tensor, h_c: Tensor) -> Tensor:
        """Compute the pair head's log-odds of B points and C candidates, [B, C].

        Features are made for some points at a time, and made again when gradients are computed:
        those of all points would take too much memory.
        """
        together = max(1, FEATURES // (len(sim_c) * self.model.head.in_features))
        points = (side.unsqueeze(1).split(together) for side in (sim_p, h_p))
        recomputed = partial(checkpoint, use_reentrant=False, preserve_rng_state=False)
        scores = [
            recomputed(self.model.pair_score, *some, sim_c, h_c)
            for some in zip(*points, strict=True)
        ]
        return torch.cat(scores)


def triplet_losses(
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


def plain_gradients(objective: nn.Module) -> Gradients:
    """Return a function that computes gradients at once, with the graph of the whole batch."""

    def gradients(batch: Batch, weight: float) -> Loss:
        loss: Loss = objective(batch)
        (loss.total * weight).backward()
        return loss

    return gradients


def backward(gradients: Gradients, batch: Batch, pairs: int) -> Loss:
    """Compute the gradients of a batch of `pairs` pairs; returns the loss, detached.

    The processes share the pairs; gradients and loss are those of one process with all of them.
    """
    weight = len(distributed.shard(pairs)) * distributed.world_size() / pairs
    loss = gradients(batch, weight)
    parts = torch.stack(loss).detach() * (weight / distributed.world_size())
    distributed.all_reduce(parts)
    return Loss(*parts)
