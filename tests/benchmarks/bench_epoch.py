"""Where an epoch's time goes, from a real run of the job.

    python tests/benchmarks/bench_epoch.py --recipe=documented    # five epochs, the sample corpus
    python tests/benchmarks/bench_epoch.py --recipe=documented --epochs=1 --data_dir=FOLDER

Takes the flags of `train`. Files go to a temporary folder, unless these name others.
"""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

from sidebyside import line  # noqa: E402 - the paths must be known first

from biencoder.config import Config  # noqa: E402
from biencoder.runtime.signals import Interruption  # noqa: E402
from biencoder.storage.run_log import RunLog  # noqa: E402
from biencoder.training import evaluation, run, trainer  # noqa: E402
from biencoder.training.evaluation import Evaluator  # noqa: E402
from biencoder.training.trainer import Trainer  # noqa: E402

#: Part of an epoch → what does it.
PARTS: dict[str, list[tuple[Any, str]]] = {
    "train": [(Trainer, "train_epoch")],
    "embed": [(Evaluator, "embedded")],
    "evaluate": [(evaluation, "rank"), (evaluation, "metrics")],
    "mine": [(trainer, "mine")],
    "checkpoint": [(run, "save")],
    "log": [(RunLog, "write")],
}


class Stopwatch:
    """Seconds by part; what one part has another do counts for the other alone."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.inner = [0.0]

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            self.inner.append(0.0)
            clock = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                took = time.perf_counter() - clock
                self.seconds[part] += took - self.inner.pop()
                self.inner[-1] += took

        return run


def main() -> None:
    flags = dict(flag.removeprefix("--").split("=", 1) for flag in sys.argv[1:])
    watch = Stopwatch()
    epochs: list[Counter[str]] = []
    for part, functions in PARTS.items():
        for owner, name in functions:
            setattr(owner, name, watch.timed(part, getattr(owner, name)))
    train_epoch = Trainer.train_epoch

    def closing_an_epoch(*args: Any) -> None:
        train_epoch(*args)
        epochs.append(Counter(watch.seconds))
        watch.seconds.clear()

    Trainer.train_epoch = closing_an_epoch
    with tempfile.TemporaryDirectory() as folder:
        places = {"log_dir": f"{folder}/logs", "checkpoint_dir": f"{folder}/checkpoints"}
        run.train(Config(**places | flags), Interruption())
    totals = [sum(epoch.values()) for epoch in epochs]
    print(f"{len(epochs)} epochs; seconds, and share of the epoch in percent")
    print(line("epoch", totals, " s"))
    for part in PARTS:
        seconds = [epoch[part] for epoch in epochs]
        print(line(part, seconds, " s"))
        shares = [100 * second / total for second, total in zip(seconds, totals, strict=True)]
        print(line("", shares, " %"))


if __name__ == "__main__":
    main()
