"""Writer of the legacy text log: a run of today as the earlier system would have printed it.

python -m analysis.to_legacy logs/<run_id>.jsonl > with_relu.txt    # its name tells the variant

What the format has no line for is left out, the evaluation before the first epoch too. The shares
are over all points of a split and of this program's metric, unlike those of the earlier system.
"""

import json

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

import commandline
from analysis.errors import AnalysisError
from analysis.readers import logs
from analysis.readers.legacy import SPLIT_WORDS
from analysis.schema import Log


class Options(BaseModel):
    """Print one run's JSONL log as a legacy text log: its losses, and top-1 after every epoch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    paths: list[str] = Field(["logs"], description="The log of one run; unset: logs.")


def text(log: Log) -> str:
    """The one run of `log` in the legacy format. Raises `AnalysisError` unless it is JSONL."""
    if log.runs.height != 1 or log.runs["format"].item() == "legacy":
        raise AnalysisError(f"{log.runs.height} runs found: name the JSONL log of one")
    of_eval = pl.col("event") == "eval"
    shares = log.metrics.filter(of_eval, pl.col("metric") == "top1", pl.col("epoch") > 0)
    losses = log.metrics.filter(pl.col("event") == "step", pl.col("metric") == "loss")
    points = log.metrics.filter(of_eval, pl.col("split") == "training")["n"].max()
    batch_size = json.loads(log.runs["config"].item())["batch_size"]
    if not isinstance(points, int):
        raise AnalysisError(f"{log.runs['source'].item()}: holds no evaluation on training")
    batches = -(-points // batch_size)

    lines = ["开始初始化获取负样本的下标"]
    for (epoch,), ends in shares.sort("epoch").group_by("epoch", maintain_order=True):
        begun = int(str(epoch)) - 1
        lines.append(f"开始第{begun}个epoch的训练")
        for step, loss in losses.filter(epoch=begun).sort("step").select("step", "value").rows():
            printed = float("nan") if loss is None else loss
            lines.append(f"当前第{step - 1 - begun * batches}个mini batch，当前loss为{printed}")
        share = dict(ends.select("split", "value").rows())
        evaluated = [(word, share[split]) for word, split in SPLIT_WORDS.items() if split in share]
        lines += [f"{word}集top1 accuracy为{value}" for word, value in evaluated]
        lines.append("开始获取负样本的下标")
    return "\n".join(lines) + "\n"


def _print(options: Options) -> None:
    print(text(logs.read(options.paths, events=("step", "eval"))), end="")


def main() -> None:
    """`python -m analysis.to_legacy`."""
    commandline.main(_print, Options, prog="to_legacy", positional="paths")


if __name__ == "__main__":
    main()
