"""Memory and time of a training step by batch size: plain, with cached gradients, and by
sentence-transformers' CachedMultipleNegativesRankingLoss, if that can be imported.

    python tests/benchmarks/bench_memory.py                  # a small encoder: minutes
    python tests/benchmarks/bench_memory.py --layers=12 --width=768 --batches=4,8,16

The encoder is an MPNet of random weights; with the second command's shape it has the size of
all-mpnet-base-v2. Texts have the lengths of real arguments, --long=N bounds how many pairs of a
batch do (the rest has 4 tokens: peak memory hardly changes, time does). All train by in-batch
negatives and Adam, theirs with dropout. Each peak is that of a process of its own after two steps;
times are medians of turns that alternate in one process, where --turns is above 0.
"""

import importlib.util
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import MPNetConfig, MPNetModel

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(Path(__file__).parent)]

from aligned import table  # noqa: E402 - the paths must be known first
from bench_device import NothingOwn, Numbers  # noqa: E402
from sidebyside import in_turns, line, ratios  # noqa: E402

from biencoder.config import Config  # noqa: E402
from biencoder.data.batches import make_batch  # noqa: E402
from biencoder.data.tokens import GROUP_TOKENS, Tokens  # noqa: E402
from biencoder.model.biencoder import build  # noqa: E402
from biencoder.training.gradient_cache import cached_gradients  # noqa: E402
from biencoder.training.objective import Objective, backward, plain_gradients  # noqa: E402

WORDS = 30_527
THEIRS = "sentence-transformers"


@dataclass(frozen=True)
class Settings:
    layers: int = 6
    width: int = 384
    max_length: int = 256
    batches: str = "8,16,32"
    turns: int = 3
    long: int = 10**6


#: Take one step, and return its seconds.
Step = Callable[[], float]


def lengths_of(settings: Settings, pairs: int) -> np.ndarray:
    """Tokens of points and counters, [2, pairs], like real arguments': a third at the limit."""
    longest = settings.max_length
    lengths = np.random.default_rng(0).integers(longest // 4, longest * 11 // 8, size=(2, pairs))
    lengths[:, settings.long :] = 4
    return np.minimum(lengths, longest)


def encoder_of(settings: Settings) -> MPNetModel:
    torch.manual_seed(0)
    config = MPNetConfig(
        vocab_size=WORDS,
        hidden_size=settings.width,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.width // 64 if settings.width >= 384 else 4,
        intermediate_size=4 * settings.width,
        max_position_embeddings=514,
    )
    return MPNetModel(config, add_pooling_layer=False)


def ours(settings: Settings, pairs: int, way: str) -> Step:
    config = Config(in_batch_weight=1, listwise_weight=2, batch_size=pairs)
    model = build(config, encoder_of(settings), "float32")
    objective = Objective(model, config, margin=1.0)
    gradients = {"plain": plain_gradients, "cached": cached_gradients}[way](objective)
    lengths = lengths_of(settings, pairs)
    tokens = Tokens([str(n) for n in lengths.flat], Numbers(), settings.max_length)
    texts = np.arange(2 * pairs).reshape(2, pairs)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-6, fused=True)

    def step() -> float:
        clock = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        batch = make_batch(texts, NothingOwn(), tokens, torch.device("cpu"))
        backward(gradients, batch, pairs)
        optimizer.step()
        return time.perf_counter() - clock

    return step


def theirs(settings: Settings, pairs: int) -> Step:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.losses import CachedMultipleNegativesRankingLoss
    from sentence_transformers.models import Pooling, Transformer
    from tiny_encoder import save_tiny_encoder

    with tempfile.TemporaryDirectory() as folder:
        save_tiny_encoder(Path(folder))  # for its tokenizer, which nothing is asked of
        encoder_of(settings).save_pretrained(folder)
        body = Transformer(folder, max_seq_length=settings.max_length)
    model = SentenceTransformer(modules=[body, Pooling(settings.width)], device="cpu").train()
    loss = CachedMultipleNegativesRankingLoss(model, mini_batch_num_tokens=GROUP_TOKENS)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-6, fused=True)
    lengths = lengths_of(settings, pairs)

    def column(of_side: np.ndarray) -> dict[str, Any]:
        mask = torch.arange(int(of_side.max())) < torch.from_numpy(of_side)[:, None]
        ids = torch.randint(5, WORDS, mask.shape).masked_fill(~mask, 1)
        return {"input_ids": ids, "attention_mask": mask.long()}

    def step() -> float:
        clock = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss([column(side) for side in lengths], torch.empty(0)).backward()
        optimizer.step()
        return time.perf_counter() - clock

    return step


def step_of(settings: Settings, way: str, pairs: int) -> Step:
    return theirs(settings, pairs) if way == THEIRS else ours(settings, pairs, way)


def peak(flags: list[str], way: str, pairs: int) -> str:
    """The peak of a process of its own, in GB; that it failed, where it did."""
    command = [sys.executable, __file__, *flags, "--one", way, str(pairs)]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else f"failed ({done.returncode})"


def main() -> None:
    flags = [flag for flag in sys.argv[1:] if "=" in flag]
    given = dict(flag.removeprefix("--").split("=", 1) for flag in flags)
    kinds = Settings.__annotations__
    settings = Settings(**{name: kinds[name](value) for name, value in given.items()})
    if "--one" in sys.argv:
        step = step_of(settings, sys.argv[-2], int(sys.argv[-1]))
        step(), step()  # after the first Adam has its state
        print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9:.2f}")
        return
    there = importlib.util.find_spec("sentence_transformers") is not None
    ways = ["plain", "cached", *[THEIRS] * there]
    batches = [int(pairs) for pairs in settings.batches.split(",")]
    rows = [[str(pairs), *(peak(flags, way, pairs) for way in ways)] for pairs in batches]
    print(table(f"Peak memory, GB: {settings}", ["batch", *ways], rows))
    for pairs in batches if settings.turns else []:
        peers = {way: step_of(settings, way, pairs) for way in ways}
        for step in peers.values():
            step()
        found = in_turns(peers, settings.turns)
        print(f"\nSeconds a step, batch {pairs}, {settings.turns} turns")
        for way in ways:
            print(line(way, found[way]))
        print(line("cached, times plain", ratios(found["cached"], found["plain"])))
        if there:
            print(line("times as fast as theirs", ratios(found[THEIRS], found["cached"])))


if __name__ == "__main__":
    main()
