"""What the map of an asymmetric model starts as: a mirror between points and counters."""

import numpy as np
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from torch import Tensor

from biencoder.corpus import Split
from biencoder.model import BiEncoder


def is_identity(model: BiEncoder) -> bool:
    """Whether the map of an asymmetric model is still as it was made."""
    weight = model.query.weight
    return torch.equal(weight, torch.eye(len(weight), device=weight.device))


@torch.no_grad()
def start_from_mirror(model: BiEncoder, split: Split, sim: Tensor) -> None:
    """Make the model's map from a point's embedding to its query a reflection onto the counters'
    side of `split`; `sim` [T, S] are the similarity embeddings of its texts.

    From the identity a map must first learn which way leads from points to counters, while its loss
    pushes every text away from itself, and what the encoder knew is lost meanwhile.
    """
    texts = sim.cpu()
    weight, bias = mirror(texts[np.unique(split.point_ids)], texts[np.unique(split.counter_ids)])
    model.query.weight.copy_(weight)
    model.query.bias.copy_(bias)


def mirror(points: Tensor, counters: Tensor) -> tuple[Tensor, Tensor]:
    """(weight [S, S], bias [S]) of the reflection at the hyperplane that best tells points [P, S]
    from counters [C, S]: Fisher's linear discriminant, its covariance shrunk (Ledoit, Wolf, 2004).
    """
    texts = np.concatenate([points.numpy(), counters.numpy()]).astype(np.float64)
    is_counter = np.repeat([False, True], [len(points), len(counters)])
    discriminant = LinearDiscriminantAnalysis("lsqr", shrinkage="auto", priors=[0.5, 0.5])
    discriminant.fit(texts, is_counter)
    # Where nothing tells them apart there is no mirror, and the map is the identity.
    length = np.linalg.norm(discriminant.coef_[0]) or 1.0
    normal = torch.from_numpy(discriminant.coef_[0] / length)
    offset = -float(discriminant.intercept_[0] / length)
    weight = torch.eye(len(normal)) - 2 * torch.outer(normal, normal)
    return weight.float(), (2 * offset * normal).float()
