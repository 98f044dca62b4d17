"""The training objective: a triplet loss on the embeddings, cross-entropy on the pair head."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Loss(NamedTuple):
    """A scalar each; `total` is the sum of the others and the one to differentiate."""

    total: Tensor
    triplet: Tensor
    positive: Tensor
    negative: Tensor


def triplet_loss(anchor: Tensor, positive: Tensor, negative: Tensor, margin: float) -> Tensor:
    """mean(max(0, d(anchor, positive) − d(anchor, negative) + margin)), d Euclidean.

    Similarity embeddings [B, S] each → a scalar. Schroff et al., FaceNet, 2015, eq. 2, with the
    plain instead of the squared distance.
    """
    return F.triplet_margin_loss(anchor, positive, negative, margin=margin)


def pair_loss(logits: Tensor, is_counter: bool) -> Tensor:
    """Mean cross-entropy of pair logits [B, 2] that all belong to one class → a scalar."""
    labels = torch.full((len(logits),), int(is_counter), device=logits.device)
    return F.cross_entropy(logits, labels)


def total_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    positive_logits: Tensor,
    negative_logits: Tensor,
    margin: float,
) -> Loss:
    """The objective and its three parts, from embeddings [B, S] and pair logits [B, 2].

    They are computed in float32 whatever precision the encoder ran in.
    """
    triplet = triplet_loss(anchor.float(), positive.float(), negative.float(), margin)
    is_counter = pair_loss(positive_logits.float(), True)
    is_not = pair_loss(negative_logits.float(), False)
    return Loss(triplet + is_counter + is_not, triplet, is_counter, is_not)
