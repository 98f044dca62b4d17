"""Evaluates a model in all eight pools, with the predictions for every point."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from biencoder.data import corpus
from biencoder.data.corpus import Corpus, Split
from biencoder.retrieval import predictions
from biencoder.retrieval.embedding import Embeddings
from biencoder.retrieval.pools import POOLS, Retrieved, retrieve
from biencoder.retrieval.ranking import metrics
from biencoder.retrieval.scoring import Scorer


@dataclass(frozen=True)
class SplitResult:
    """One split's figures: an `eval` record, and a `pools` record for each pool that it has."""

    corpus: str  # its digest
    split: str
    metrics: dict[str, float]
    pools: dict[str, dict[str, float]]
    predictions: pl.DataFrame


def evaluate(
    split: Split,
    data: Corpus,
    embeddings: Embeddings,
    model: Scorer,
    after_round: Callable[[], None] = lambda: None,
) -> SplitResult:
    """Score one split of `data` in every pool; `embeddings` has a row for each of its texts."""
    retrieved = retrieve(split, embeddings, model, after_round)
    return SplitResult(
        corpus=data.digest,
        split=split.name,
        metrics=metrics(retrieved.rankings["epa"]),
        pools={pool: _in_pool(retrieved, pool) for pool in retrieved.rankings},
        predictions=predictions.table(split, retrieved, leaked(split, data)),
    )


def leaked(split: Split, data: Corpus) -> npt.NDArray[np.bool_]:
    """Mark the pairs that share a text between training and a held-out split, [N]."""
    across = (data.validation, data.test) if split is data.training else (data.training,)
    return ~np.logical_and.reduce([corpus.unseen(split, other) for other in across])


def figures(results: Sequence[SplitResult]) -> str:
    """Format every figure of each split, then the table of pools."""
    lines = []
    for result in results:
        shares = "  ".join(
            f"{name} {value:.4f}" if isinstance(value, float) else f"{name} {value}"
            for name, value in result.metrics.items()
        )
        lines.append(f"{result.split}: {shares}")
    return "\n".join([*lines, pool_table(results)])


def pool_table(results: Sequence[SplitResult]) -> str:
    """Format top-1 of each split in each pool as a table; pools that none has are left out."""
    pools = [pool for pool in POOLS if any(pool in result.pools for result in results)]
    lines = ["top-1       " + "".join(f"{pool:>8}" for pool in pools)]
    for result in results:
        shares = "".join(
            f"{result.pools[pool]['top1']:>8.1%}" if pool in result.pools else f"{'-':>8}"
            for pool in pools
        )
        lines.append(f"{result.split:<12}{shares}")
    return "\n".join(lines)


def _in_pool(retrieved: Retrieved, pool: str) -> dict[str, float]:
    figures = metrics(retrieved.rankings[pool])
    return {name: figures[name] for name in ("top1", "hits", "n", "head_top1")}
