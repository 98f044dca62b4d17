"""Holds what training changes, and restores it from a checkpoint."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import Tensor

from biencoder.arrays import Ints
from biencoder.config import NOT_DECIDING, Config
from biencoder.errors import CheckpointError
from biencoder.model.biencoder import BiEncoder
from biencoder.runtime import distributed
from biencoder.runtime.main_process import is_main_process
from biencoder.storage import checkpoint, run_checkpoints
from biencoder.storage.progress import Progress


@dataclass
class TrainingState:
    """Model, optimiser, current negatives, and progress of a run."""

    model: BiEncoder
    optimizer: torch.optim.Adam
    #: When the run began by this process' clock, as if it had never stopped.
    started: float
    progress: Progress = field(default_factory=Progress)
    #: Each training pair's negative, an index into the split's texts; none before the first mine.
    negatives: Ints = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    def tensors(self) -> dict[str, Tensor]:
        """Return the negatives, and Adam's state by parameter: `exp_avg.encoder.…`, `step.…`, …"""
        adam = {
            f"{kind}.{name}": tensor
            for name, parameter in self.model.named_parameters()
            for kind, tensor in self.optimizer.state[parameter].items()
        }
        return adam | {"negatives": torch.from_numpy(self.negatives)}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Restore negatives and optimiser from what `tensors` returned."""
        tensors = dict(tensors)
        self.negatives = tensors.pop("negatives").numpy()
        numbers = {name: n for n, (name, _) in enumerate(self.model.named_parameters())}
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            kind, _, name = key.partition(".")
            state.setdefault(numbers[name], {})[kind] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})


def restore_newest(
    state: TrainingState, run_dir: Path, config: Config
) -> tuple[str | None, list[str]]:
    """Restore the newest undamaged checkpoint on every process; the main process reads it.

    Returns its name, None where the run has to begin anew, and the names of damaged ones, which
    are set aside. Weights are read on the main process alone: broadcast them afterwards. Raises
    `CheckpointError` where the checkpoint is of a run by other flags than `config`.
    """
    folder: Path | None = None
    damaged: list[str] = []
    tensors: dict[str, Tensor] = {}
    if is_main_process():
        folder, damaged = run_checkpoints.newest(run_dir)
    if folder is not None:
        saved = checkpoint.read_state(folder)
        check_is_of_run(folder, saved.config, config)
        state.progress = saved.progress
        if (training := folder / checkpoint.TRAINING).exists():  # else trained to the end
            tensors = checkpoint.read_tensors(training)
        checkpoint.put_weights(state.model, folder)
    progress = distributed.broadcast(state.progress.model_dump_json().encode())
    tensors = safetensors.torch.load(distributed.broadcast(safetensors.torch.save(tensors)))
    state.progress = Progress.model_validate_json(progress)
    state.started -= state.progress.seconds
    if tensors:
        state.restore(tensors)
    return folder.name if folder else None, damaged


def check_is_of_run(folder: Path, saved: Config, config: Config) -> None:
    """Check a checkpoint against the run, which was found by its log in another folder.

    Two runs of one name may lie in different folders. Raises `CheckpointError`.
    """
    named, ours = (c.model_dump(exclude=NOT_DECIDING | {"precision"}) for c in (saved, config))
    for flag, value in named.items():
        if value != ours[flag]:
            raise CheckpointError(
                f"{folder}: of another run, with --{flag}={value}; give the --checkpoint_dir that "
                "this run was started with"
            )
