"""What a Python program uses: train a model, load it, ask it.

Importing this is cheap: torch is imported by what needs it, when it is called.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from biencoder.config import Config
from biencoder.runtime.signals import Interrupted, Interruption

if TYPE_CHECKING:
    from biencoder.retrieval.retriever import Retriever


@dataclass(frozen=True)
class Result:
    """What a run of training came to; the shares are top-1 of 'training', 'validation', 'test'.

    >>> result = train(Config(run_id="first", max_length=64))
    run first ...
    >>> 0 <= result.top1["test"] <= 1, result.log.exists()
    (True, True)
    """

    run_id: str
    log: Path  # the run log, for `analysis.read`
    checkpoint: Path  # the folder of its weights, for `load`
    best_epoch: int  # by validation
    top1: dict[str, float]  # at the best epoch
    untrained: dict[str, float]  # the untrained encoder's


def train(config: Config) -> Result:
    """Run the training job, or go on with it: what the command `train` does with the same flags.

    Raises `RunError` for a failure that the user can act on, and `KeyboardInterrupt` where a signal
    ended it; the same call then goes on from its checkpoint. Call it from the main thread, which
    alone can handle signals.

    >>> result = train(Config(run_id="first", max_length=64))
    run first ...
    >>> sorted(result.top1)
    ['test', 'training', 'validation']
    """
    from biencoder.storage import checkpoint, run_checkpoints
    from biencoder.training import run

    try:
        with Interruption().handled() as interruption:
            ended = run.train(config, interruption)
    except Interrupted as signalled:
        raise KeyboardInterrupt(str(signalled)) from None
    if ended.status:
        raise KeyboardInterrupt(f"run {ended.run_id} was interrupted")
    best = run_checkpoints.find(ended.run_id, config.checkpoint_dir)
    progress = checkpoint.read_state(best).progress
    return Result(
        run_id=ended.run_id,
        log=config.log_dir / f"{ended.run_id}.jsonl",
        checkpoint=best.parent,
        best_epoch=progress.epoch,
        top1=progress.best.top1,
        untrained=progress.untrained,
    )


def load(
    checkpoint: str | Path,
    *,
    corpus: str | Path | None = None,
    columns: str | None = None,
    index: str | Path | None = None,
    checkpoint_dir: str | Path = "checkpoints",
    device: str = "auto",
) -> "Retriever":
    """Load a trained model by its run id below `checkpoint_dir`, or by its folder.

    `corpus` is what it is to search: a table with a column `text`, a folder of .txt files, or a
    corpus of pairs, whose columns `columns` may name as --columns does; None: what it was trained
    on. `index` is a folder that `biencoder index` has made. Raises `RunError`.

    >>> retriever = load("first", device="cpu")
    >>> retriever.state.run_id
    'first'
    """
    from biencoder.retrieval.retriever import Retriever

    return Retriever.load(
        # A path is a folder whatever its form, while a name is first of all a run id.
        checkpoint if isinstance(checkpoint, str) else str(checkpoint.absolute()),
        Path(checkpoint_dir),
        device,
        Path(corpus) if corpus is not None else None,
        Path(index) if index is not None else None,
        columns,
    )
