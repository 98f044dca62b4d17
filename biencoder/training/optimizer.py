"""Makes the optimiser, sets its rates, and averages weights with the pretrained ones."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from biencoder.config import Config
from biencoder.model.biencoder import BiEncoder


def make_optimizer(model: BiEncoder, config: Config) -> torch.optim.Adam:
    """Make Adam over all parameters in the model's order: the encoder's, then the fresh ones."""
    pretrained = list(model.encoder.parameters())
    fresh = list(model.parameters())[len(pretrained) :]
    groups = [{"params": pretrained, "lr": config.lr}, {"params": fresh, "lr": config.head_lr}]
    return torch.optim.Adam(groups, fused=True)


@torch.no_grad()
def average(encoder: nn.Module, pretrained: Sequence[Tensor], share: float) -> None:
    """Replace an encoder's parameters by their average with the pretrained ones.

    `share` is the weight of `pretrained`, which has one tensor for each parameter. This restores
    recall that training cost, and loses little of what training gained. Wortsman et al., Robust
    fine-tuning of zero-shot models, 2022.
    """
    for trained, start in zip(encoder.parameters(), pretrained, strict=True):
        trained.lerp_(start, share)


def set_learning_rates(optimizer: torch.optim.Optimizer, config: Config, done: float) -> None:
    """Set the learning rates of the next step, after a share `done` of the run's steps."""
    factor = 1 - done if config.lr_schedule == "linear" else 1.0
    for group, rate in zip(optimizer.param_groups, (config.lr, config.head_lr), strict=True):
        group["lr"] = rate * factor
