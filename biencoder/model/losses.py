"""The losses: a triplet loss and cross-entropy on triplets, and two over all texts of a batch, one
for the embeddings and one for the pair head.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

#: Cosines are divided by it in the in-batch loss. Those of texts lie close together, so that a
#: softmax of them would be nearly uniform. The customary value (Gao et al., SimCSE, 2021).
TEMPERATURE = 0.05


class Loss(NamedTuple):
    """A scalar each; `total` is the weighted sum of the others and the one to differentiate. A part
    whose weight is 0 is not computed, and is 0.
    """

    total: Tensor
    triplet: Tensor
    positive: Tensor
    negative: Tensor
    in_batch: Tensor
    listwise: Tensor


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


def in_batch_loss(anchors: Tensor, candidates: Tensor, positives: Tensor, masked: Tensor) -> Tensor:
    """Mean cross-entropy of every anchor's positive among all texts of the batch → a scalar.

    `anchors` [B, S] are the points' embeddings, `candidates` [C, S] those of the batch's distinct
    texts, `positives` [B] the counters' rows of them. `masked` [B, C] says which are no wrong
    answers: the point itself and its further counters. The logits are cosines over `TEMPERATURE`.
    Henderson et al., Efficient Natural Language Response Suggestion for Smart Reply, 2017, eq. 4,
    which uses the responses of the other pairs alone.
    """
    directions = F.normalize(anchors.float(), dim=1), F.normalize(candidates.float(), dim=1)
    logits = directions[0] @ directions[1].T / TEMPERATURE
    return F.cross_entropy(logits.masked_fill(masked, -torch.inf), positives)


def listwise_loss(scores: Tensor, positives: Tensor, masked: Tensor) -> Tensor:
    """Mean cross-entropy of every point's counter by the pair head's scores → a scalar.

    `scores` [B, C] are log-odds of the batch's distinct texts, the rest is as for `in_batch_loss`.
    The head is then trained to rank, which is what it is used for. Cao et al., Learning to Rank:
    From Pairwise Approach to Listwise Approach, 2007, with one relevant text.
    """
    return F.cross_entropy(scores.float().masked_fill(masked, -torch.inf), positives)
