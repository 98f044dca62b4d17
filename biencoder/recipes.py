"""The named recipes: a recipe is a set of flags, as a variant is two switches."""

from typing import Any, NamedTuple


class Schedule(NamedTuple):
    """The share of hard negatives in the first epoch, and its change an epoch."""

    start: float
    step: float


#: Names of schedules, for `--negatives`.
SCHEDULES = {
    "falling": Schedule(0.3, -0.3),
    "rising": Schedule(0.0, 0.1),
    "constant": Schedule(0.5, 0.0),
    "only_random": Schedule(0.0, 0.0),
    "only_hard": Schedule(1.0, 0.0),
}

#: Recipe → its flags. Both were tuned on validation; logs/reference/EXPERIMENTS.md has the trials.
RECIPES: dict[str, dict[str, Any]] = {
    # The experiment's own objective, and nothing else.
    "documented": {
        "max_length": 128,
        "epochs": 2,
        "batch_size": 16,
        "lr": 3e-5,
        "head_lr": 2e-4,
        "lr_schedule": "constant",
        "pretrained_share": 0.0,
        "margin": 0.55,
        "negatives": "falling",
        "triplet_weight": 1.0,
        "in_batch_weight": 0.0,
        "listwise_weight": 0.0,
        "hubness_weight": 0.0,
    },
    # What pays instead: in-batch and listwise losses over batches of one debate, longer texts, a
    # linear schedule, weights averaged with the pretrained ones, and a penalty for hubness.
    "strong": {
        "max_length": 256,
        "epochs": 1,
        "batch_size": 32,
        "lr": 1e-4,
        "head_lr": 1e-3,
        "lr_schedule": "linear",
        "pretrained_share": 0.2,
        "margin": 0.55,
        "negatives": "only_random",
        "triplet_weight": 0.0,
        "in_batch_weight": 3.0,
        "listwise_weight": 2.0,
        "hubness_weight": 0.7,
    },
}
