"""Measures how busy training keeps its device: tokens a second, padding, share of a matrix rate."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from biencoder.arrays import Ints
from biencoder.data.batches import Batch
from biencoder.runtime import distributed, environment


@dataclass(frozen=True)
class Rates:
    """Fields of a `step` event; it is assumed that all processes do as much as this one."""

    triplets_per_second: float
    tokens_per_second: float
    padding: float
    matrix_share: float
    peak_memory: int


class Throughput:
    """Counts what is trained on between two readings. Making one takes a moment: it measures the
    device's matrix rate.
    """

    def __init__(self, encoder: Any, device: torch.device, precision: str) -> None:
        self.encoder, self.device = encoder, device
        self.rate = matrix_rate(device, getattr(torch, precision))
        self.begin(time.monotonic())

    def begin(self, clock: float) -> None:
        """Count anew from a moment on."""
        self.clock = clock
        self.pairs = self.tokens = self.padded = 0
        self.operations = 0.0

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the time of the block out."""
        pause = time.monotonic()
        yield
        self.clock += time.monotonic() - pause

    def add(self, pairs: int, batch: Batch) -> None:
        """Count a step on a batch of `pairs` pairs."""
        self.pairs += pairs
        self.tokens += int(batch.lengths.sum())
        self.padded += sum(input_ids.numel() for input_ids, _ in batch.groups)
        self.operations += operations(self.encoder, batch.lengths)

    def read(self) -> Rates:
        """Return the rates since counting began, and begin anew."""
        now = time.monotonic()
        seconds = now - self.clock
        rates = Rates(
            triplets_per_second=self.pairs / seconds,
            tokens_per_second=distributed.world_size() * self.tokens / seconds,
            padding=1 - self.tokens / self.padded,
            matrix_share=self.operations / seconds / self.rate,
            peak_memory=environment.peak_memory(self.device),
        )
        self.begin(now)
        return rates


def operations(encoder: Any, lengths: Ints) -> float:
    """Count the FLOPs that training needs on texts of the given lengths.

    They are 6 per parameter and token, embeddings left out, plus 12 · L · hidden size · layers per
    token for attention. Padding, and what is computed twice to save memory, are not counted.
    """
    embeddings = [m for m in encoder.modules() if isinstance(m, torch.nn.Embedding)]
    looked_up = sum(module.weight.numel() for module in embeddings)
    parameters = sum(parameter.numel() for parameter in encoder.parameters()) - looked_up
    width = encoder.config.hidden_size * getattr(encoder.config, "num_hidden_layers", 1)
    return 6.0 * parameters * float(lengths.sum()) + 12.0 * width * float((lengths**2).sum())


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Measure the FLOP/s of a matrix product, the best of three, within a second."""
    on_cpu = device.type == "cpu"
    size, times = (1024, 1) if on_cpu else (4096, 10)
    random = torch.Generator(device).manual_seed(0)  # training's own numbers stay as they are
    left, right = torch.randn(2, size, size, device=device, generator=random).to(dtype)
    best = 0.0
    for _ in range(3):
        clock = time.perf_counter()
        for _ in range(times):
            left @ right
        if not on_cpu:
            torch.accelerator.synchronize(device)
        best = max(best, 2 * times * size**3 / (time.perf_counter() - clock))
    return best
