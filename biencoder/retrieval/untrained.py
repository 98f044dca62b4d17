"""Evaluates the untrained encoder, the baseline of every run.

Its pooled vector stands in for the similarity embedding, compared by cosine; there is no pair head,
so the nearest candidate is the answer.
"""

import torch
from torch import Tensor

from biencoder.retrieval.embedding import Embeddings


class NearestAlone:
    """Scores all candidates alike, which keeps the order of distance."""

    hubness_weight = 0.0

    def pair_score(self, sim_a: Tensor, h_a: Tensor, sim_b: Tensor, h_b: Tensor) -> Tensor:
        """Sides [P, H] each → zeros [P]."""
        return sim_a.new_zeros(len(sim_a))


def embeddings(pooled: Tensor) -> Embeddings:
    """Normalise pooled vectors [T, H] to unit length, where Euclidean distance orders as cosine."""
    unit = torch.nn.functional.normalize(pooled)
    return Embeddings(unit, unit)
