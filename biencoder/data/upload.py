"""Copies a step's numbers to the device in one piece."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from biencoder.arrays import Ints


def upload(arrays: Sequence[Ints], device: torch.device) -> list[Tensor]:
    """Copy arrays of whole numbers to `device`; returns tensors of their shapes.

    For each separate copy the processor would wait for the GPU. For this one it does not, because
    the memory is pinned.
    """
    packed = torch.from_numpy(np.concatenate([array.ravel() for array in arrays]))
    if device.type == "cuda":
        packed = packed.pin_memory()
    parts = packed.to(device, non_blocking=True).split([array.size for array in arrays])
    return [part.view(array.shape) for part, array in zip(parts, arrays, strict=True)]
