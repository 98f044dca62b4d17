"""How much of a device a training step uses: tokens a second, and the share of its matrix rate.

    python tests/benchmarks/bench_device.py

On a GPU a BERT-base-sized encoder at batch 64 in bfloat16; on a CPU two of its layers at batch 4 in
float32. The weights are random: only the time matters. The rate that the share refers to is that of
a large matrix product in the same precision, measured in the same turns. Operations are those
that the job's own log counts.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils import get_total_norm
from transformers import BertConfig, BertModel

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from sidebyside import in_turns, line, ratios  # noqa: E402 - the paths must be known first

from biencoder.config import Config  # noqa: E402
from biencoder.data.batches import make_batch  # noqa: E402
from biencoder.data.tokens import Tokens  # noqa: E402
from biencoder.model.biencoder import build  # noqa: E402
from biencoder.runtime import environment  # noqa: E402
from biencoder.training.objective import Objective  # noqa: E402
from biencoder.training.throughput import operations  # noqa: E402

LENGTH, STEPS, TURNS = 256, 5, 5


class Numbers:
    """A tokenizer of texts that are lengths: as many tokens as the text says."""

    pad_token_id = 0

    def __call__(self, texts: list[str], **_: object) -> dict[str, list[list[int]]]:
        rng = np.random.default_rng(0)
        return {"input_ids": [rng.integers(1, 30_000, int(text)).tolist() for text in texts]}


class NothingOwn:
    """A split of which no text is a point's own."""

    def is_own(self, points: np.ndarray, texts: np.ndarray) -> np.ndarray:
        return np.zeros(np.broadcast_shapes(points.shape, texts.shape), dtype=bool)


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def product_rate(device: torch.device, dtype: torch.dtype) -> Callable[[], float]:
    """A function that measures a large matrix product, in operations a second."""
    size = 8192 if device.type == "cuda" else 2048
    left, right = torch.randn(2, size, size, device=device, dtype=dtype)

    def measure() -> float:
        wait(device)
        clock = time.perf_counter()
        for _ in range(10):
            left @ right
        wait(device)
        return 10 * 2 * size**3 / (time.perf_counter() - clock)

    measure()
    return measure


def step_rate(device: torch.device) -> tuple[Callable[[], float], float]:
    """A function that measures training in tokens a second; and operations a token."""
    on_gpu = device.type == "cuda"
    config = Config(
        recipe="documented", max_length=LENGTH, batch_size=64 if on_gpu else 4, epochs=1
    )
    shape = BertConfig() if on_gpu else BertConfig(num_hidden_layers=2)
    precision = environment.precision("auto", device)
    model = build(config, BertModel(shape, add_pooling_layer=False), precision, device)
    model.to(device)
    objective = Objective(model, config, config.margin)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-6, fused=True)
    # Lengths as those of real arguments: up to the limit, a third of them at it.
    lengths = np.minimum(np.random.default_rng(0).integers(64, 352, size=2000), LENGTH)
    tokens = Tokens([str(length) for length in lengths], Numbers(), LENGTH)
    rng = np.random.default_rng(1)

    def measure() -> float:
        done = 0
        wait(device)
        clock = time.perf_counter()
        for _ in range(STEPS):
            rows = rng.integers(len(lengths), size=(3, config.batch_size))
            optimizer.zero_grad(set_to_none=True)
            objective(make_batch(rows, NothingOwn(), tokens, device)).total.backward()
            get_total_norm(p.grad for p in model.parameters() if p.grad is not None)
            optimizer.step()
            done += int(lengths[rows].sum())
        wait(device)
        return done / (time.perf_counter() - clock)

    measure()
    return measure, operations(model.encoder, lengths) / lengths.sum()


def main() -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    name = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
    step, needed = step_rate(device)
    found = in_turns({"product": product_rate(device, dtype), "step": step}, TURNS)
    print(f"{name}, {dtype}, {LENGTH} tokens at most, {TURNS} turns of {STEPS} steps")
    print(line("tokens a second", found["step"]))
    print(line("matrix product, TFLOP/s", [rate / 1e12 for rate in found["product"]]))
    used = [100 * rate * needed for rate in found["step"]]
    print(line("share that the step uses", ratios(used, found["product"]), " %"))
    if device.type == "cuda":
        print(f"  peak memory {torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")


if __name__ == "__main__":
    main()
