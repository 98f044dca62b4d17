"""Counts how far a run has come; the trainer and the checkpoints share these types."""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, Field

from biencoder.config import RUN_ID, Config
from biencoder.runtime.provenance import version


class Best(BaseModel):
    """The best epoch by validation top-1, the earliest where several are equal.

    `top1` maps each split to its share; `head_top1` is the same by the pair head alone, without
    hubness, as the untrained encoder's figures are; {} in checkpoints of before it was kept.
    """

    epoch: int | None = None
    top1: dict[str, float] = {}
    head_top1: dict[str, float] = {}

    def update(self, epoch: int, figures: Mapping[str, Mapping[str, float]]) -> bool:
        """Replace the best epoch if this one is better; returns whether it was."""
        top1 = {split: of_split["top1"] for split, of_split in figures.items()}
        if self.epoch is not None and not top1["validation"] > self.top1["validation"]:
            return False
        self.epoch, self.top1 = epoch, top1
        self.head_top1 = {split: of_split["head_top1"] for split, of_split in figures.items()}
        return True


class Progress(BaseModel):
    """Progress of a run: all that a checkpoint holds beside tensors.

    `epoch` counts completed epochs, `step` optimiser steps in all; `stage` is what was done last:
    'trained' (a step, or nothing yet), 'evaluated' or 'mined'; `untrained` is the untrained
    encoder's top-1 of each split, `margin` the triplet margin in Euclidean distance, None before
    it is measured, `seconds` the wall time up to here, without work that was lost. The order of the
    data and the negatives' draws follow from these and the seed, so there is no state of a random
    generator to keep.
    """

    epoch: int = Field(default=0, ge=0)
    step: int = Field(default=0, ge=0)
    stage: Literal["trained", "evaluated", "mined"] = "trained"
    best: Best = Field(default_factory=Best)
    untrained: dict[str, float] = {}
    margin: float | None = None
    seconds: float = 0


class State(BaseModel):
    """Content of `state.json`: the version that wrote it, the run, its progress.

    `corpus` is the digest of what it is trained on, None in checkpoints of before it was kept.
    """

    version: str = Field(default_factory=lambda: str(version()))
    run_id: str = Field(pattern=RUN_ID)
    config: Config
    corpus: str | None = None
    progress: Progress
