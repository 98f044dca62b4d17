"""Writes a run as the legacy text log that the earlier system would have printed.

What the format has no line for is left out, the evaluation before the first epoch too. The shares
are over all points of a split and of this program's metric, unlike those of the earlier system.
"""

import polars as pl

from analysis.errors import AnalysisError
from analysis.readers.legacy import SPLIT_WORDS
from analysis.schema import Log
from analysis.statistics.epochs import lengths


def legacy_text(log: Log) -> str:
    """Write the one run of `log` in the legacy format.

    Raises `AnalysisError` unless it is one run of a JSONL log that tells the steps of an epoch.
    """
    if log.runs.height != 1:
        raise AnalysisError(f"{log.runs.height} runs found: name the JSONL log of one")
    if log.runs["format"].item() == "legacy":
        raise AnalysisError(f"{log.runs['source'].item()}: is in the legacy format already")
    shares = log.metrics.filter(pl.col("epoch") > 0, event="eval", metric="top1")
    losses = log.metrics.filter(event="step", metric="loss")
    length = lengths(log.runs, log.metrics)["length"].drop_nulls().first()
    if not isinstance(length, int):
        source = log.runs["source"].item()
        raise AnalysisError(f"{source}: does not say how many steps an epoch has")

    lines = ["开始初始化获取负样本的下标"]
    # With --eval_every=2 only every other epoch is evaluated, and the last one may be cut off.
    for begun in sorted({*losses["epoch"], *(shares["epoch"] - 1)}):
        lines.append(f"开始第{begun}个epoch的训练")
        for step, loss in losses.filter(epoch=begun).sort("step").select("step", "value").rows():
            printed = float("nan") if loss is None else loss
            lines.append(f"当前第{step - 1 - begun * length}个mini batch，当前loss为{printed}")
        share = dict(shares.filter(epoch=begun + 1).select("split", "value").rows())
        evaluated = [(word, share[split]) for word, split in SPLIT_WORDS.items() if split in share]
        lines += [f"{word}集top1 accuracy为{value}" for word, value in evaluated]
        lines.append("开始获取负样本的下标")
    return "\n".join(lines) + "\n"
