"""Initialises the similarity projection by principal components of the pooled vectors."""

import torch
from torch import Tensor

from biencoder.model.biencoder import BiEncoder

#: Texts that the directions are found from; more of them find no better ones.
SAMPLE = 512


@torch.no_grad()
def start_from_principal(model: BiEncoder, pooled: Tensor, seed: int) -> None:
    """Initialise the model's projection with the principal components of pooled vectors [T, H].

    A projection drawn at random distorts distances, and training has to repair first what the
    pretrained encoder knew. The switches do not matter to it.
    """
    sample = pooled[:: -(-len(pooled) // SAMPLE)].cpu()
    weight, bias = principal_projection(sample, model.similarity.out_features, seed)
    model.similarity.weight.copy_(weight)
    model.similarity.bias.copy_(bias)


def principal_projection(vectors: Tensor, size: int, seed: int) -> tuple[Tensor, Tensor]:
    """Compute (weight [size, H], bias [size]) of the map that centres vectors [N, H] and keeps as
    much of their variance as `size` dimensions can.

    Distances within the kept components stay what they were. `seed` draws the rotation that spreads
    the components over the dimensions, so that none of them dominates a LayerNorm.
    """
    mean = vectors.mean(0)
    directions = torch.linalg.svd(vectors - mean, full_matrices=False).Vh[:size]
    random = torch.Generator().manual_seed(seed)
    rotation = torch.linalg.qr(torch.randn(size, len(directions), generator=random)).Q
    weight = rotation @ directions
    return weight, -weight @ mean
