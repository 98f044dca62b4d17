"""The floor that every trained model is shown against: the pretrained encoder as it comes.

Its pooled vector stands in for the similarity embedding, compared by cosine; there is no pair head,
so the nearest candidate is the answer.
"""

import torch
from torch import Tensor

from biencoder.retrieval.embedding import Embeddings


class NearestAlone:
    """A scorer that finds all candidates alike, so that the order of distance stays."""

    def pair_score(self, sim_a: Tensor, h_a: Tensor, sim_b: Tensor, h_b: Tensor) -> Tensor:
        """Sides [P, H] each → zeros [P]."""
        return sim_a.new_zeros(len(sim_a))


def embeddings(pooled: Tensor) -> Embeddings:
    """Pooled vectors [T, H] at unit length, where Euclidean distance orders as cosine does."""
    unit = torch.nn.functional.normalize(pooled)
    return Embeddings(unit, unit)
