"""Train one bi-encoder for counter-argument retrieval: flags in, config checked, job run.

python train.py                                         # a first look, under a minute on a CPU
python train.py --variant=without_relu --seed=1         # one of the four configurations
python train.py --data_dir=arguana-counterargs          # the real corpus
python train.py --encoder=bert-base-uncased --pooling=pooler --max_length=512
torchrun --standalone --nproc-per-node=2 train.py       # on two GPUs
python train.py --help                                  # every flag
"""

import contextlib
import os
import sys

import commandline
from biencoder.config import Config
from biencoder.errors import RunError
from biencoder.runtime.signals import Interrupted, Interruption


def train(config: Config) -> int:
    """Run the job that `config` describes; returns its exit status."""
    interruption = Interruption()
    try:
        with interruption.handled():
            # Imported here so that --help and a mistyped flag answer without waiting for torch,
            # and a signal is heeded from the first moment.
            from biencoder.training import run

            return run.train(config, interruption).status
    except Interrupted as signalled:
        print(f"train: {signalled}", file=sys.stderr)
        return signalled.status


def main() -> None:
    """The console script `train`."""
    try:
        commandline.main(train, Config, prog="train", failures=(RunError,))
    except SystemExit as end:
        if os.environ.get("WORLD_SIZE", "1") != "1":
            # Gloo's threads take the GIL to free tensors; while the interpreter shuts down, that
            # aborts the process or hangs.
            with contextlib.suppress(OSError):
                sys.stdout.flush()
            os._exit(int(end.code or 0))
        raise


if __name__ == "__main__":
    main()
