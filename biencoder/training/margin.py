"""Measures the triplet margin in Euclidean distance."""

import torch
from torch import Tensor

from biencoder.config import Config
from biencoder.data.corpus import Split


def euclidean_margin(config: Config, split: Split, sim: Tensor) -> tuple[float, float]:
    """Return (the margin, the median distance of point and counter), both Euclidean.

    `sim` [T, 128] are the similarity embeddings of `split.texts` before the first step. LayerNorm
    changes their scale, so that one absolute margin would be small beside the distances of one
    variant and large beside those of another.
    """
    points, counters = (torch.from_numpy(ids) for ids in (split.point_ids, split.counter_ids))
    distance = torch.linalg.vector_norm(sim[points] - sim[counters], dim=1).median().item()
    unit = distance if config.margin_unit == "median_distance" else 1.0
    return config.margin * max(unit, 1e-6), distance  # where all texts are alike it is 0
