"""Initialises what is not pretrained, so that the model starts near the pretrained encoder: the
similarity projection by principal components, the pair head by distance.
"""

import torch
from torch import Tensor

from biencoder.model.biencoder import BiEncoder, pair_features

#: Pairs that the initial weights are computed from; more pairs give no better ones.
SAMPLE = 512

#: The pair head starts with these log-odds for two texts as near as a point and its counter, and
#: with minus as much for two texts as near as ones drawn at random.
LOG_ODDS = 4.0


@torch.no_grad()
def start_from_pretrained(model: BiEncoder, points: Tensor, counters: Tensor, seed: int) -> None:
    """Initialise projection and pair head from the pooled vectors of N pairs, [N, H] each.

    A random projection would distort distances, and a random head would answer by chance: training
    would first have to recover what the pretrained encoder knew. All variants start from the same
    projection.
    """
    every = -(-len(points) // SAMPLE)
    points, counters = points[::every].cpu(), counters[::every].cpu()
    weight, bias = principal_projection(
        torch.cat([points, counters]), model.similarity.out_features, seed
    )
    model.similarity.weight.copy_(weight)
    model.similarity.bias.copy_(bias)
    judge_by_distance(model, points, counters)


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


@torch.no_grad()
def judge_by_distance(model: BiEncoder, points: Tensor, counters: Tensor) -> None:
    """Set the pair head so that its log-odds fall with the Manhattan distance of the two sides.

    `points` and `counters` [N, H] are the pooled vectors of N pairs. The log-odds are 0 halfway
    between the median distance of a pair and that of a point and the next pair's counter.
    """
    device = model.head.weight.device
    (sim_p, h_p), (sim_c, h_c) = (model.project(side.to(device)) for side in (points, counters))
    ones = torch.ones_like(sim_p[0]), torch.ones_like(h_p[0])
    is_difference = 1 - pair_features(*ones, *ones, model.fusion)  # 1 for |a − b|, else 0

    def median_distance(sim: Tensor, h: Tensor) -> Tensor:
        return (pair_features(sim_p, h_p, sim, h, model.fusion) @ is_difference).median()

    near, far = median_distance(sim_c, h_c), median_distance(sim_c.roll(1, 0), h_c.roll(1, 0))
    # An encoder that knows nothing may put pairs no nearer than other texts: no division by 0.
    slope = 2 * LOG_ODDS / (far - near).clamp(min=0.1 * far + 1e-6)
    is_counter = torch.tensor([-0.5, 0.5]).to(device)  # the two logits' halves of the log-odds
    model.head.weight.copy_(-slope * is_counter[:, None] * is_difference)
    model.head.bias.copy_(slope * (near + far) / 2 * is_counter)
