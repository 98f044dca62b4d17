"""Initialises what is not pretrained so that the model begins where the pretrained encoder stands:
the similarity projection by principal components, the pair head by distance.
"""

import torch
from torch import Tensor

from biencoder.model.biencoder import BiEncoder, pair_features

#: Pairs that the start is found from; more of them find no better one.
SAMPLE = 512

#: The pair head's log-odds at the start, of a pair as near as a point and its counter; of one as
#: near as two texts drawn at random, its negative.
LOG_ODDS = 4.0


@torch.no_grad()
def start_from_pretrained(model: BiEncoder, points: Tensor, counters: Tensor, seed: int) -> None:
    """Initialise projection and pair head from the pooled vectors of N pairs, [N, H] each.

    Drawn at random, the projection distorts distances and the head answers by chance, and training
    has to repair first what the pretrained encoder knew. The switches do not matter to either.
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
    is_difference = 1 - pair_features(*ones, *ones, model.fusion)  # of equal sides it is 0

    def median_distance(sim: Tensor, h: Tensor) -> Tensor:
        return (pair_features(sim_p, h_p, sim, h, model.fusion) @ is_difference).median()

    near, far = median_distance(sim_c, h_c), median_distance(sim_c.roll(1, 0), h_c.roll(1, 0))
    # Of an encoder that knows nothing, pairs are no nearer than other texts.
    slope = 2 * LOG_ODDS / (far - near).clamp(min=0.1 * far + 1e-6)
    is_counter = torch.tensor([-0.5, 0.5]).to(device)  # the two logits' halves of the log-odds
    model.head.weight.copy_(-slope * is_counter[:, None] * is_difference)
    model.head.bias.copy_(slope * (near + far) / 2 * is_counter)
