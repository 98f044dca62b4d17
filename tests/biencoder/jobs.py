"""Runs of the training job in the tests' own process, and what they leave."""

import json
import signal

from biencoder.config import Config
from biencoder.runtime.signals import Interrupted, Interruption
from biencoder.training import run, trainer

#: Fields that differ between two runs of one seed: when, how fast, and where files went.
OF_SPEED = ("triplets_per_second", "tokens_per_second", "padding", "matrix_share", "peak_memory")
OF_THE_MOMENT = ("time", "seconds", "path", *OF_SPEED)


def train(config):
    return run.train(config, Interruption()).status


def finished_run(folder, encoder, **flags):
    """Train in a folder of its own; returns the config."""
    config = Config(
        encoder=str(encoder),
        max_length=24,
        epochs=1,
        run_id="run",
        log_dir=folder / "logs",
        checkpoint_dir=folder / "checkpoints",
        device="cpu",
        **flags,
    )
    train(config)
    return config


def read_log(config):
    path = config.log_dir / f"{config.run_id}.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def warnings_of(config):
    """The warnings of a run, but for that a tiny encoder has learnt nothing."""
    found = [line for line in read_log(config) if line["event"] == "warning"]
    return [warning for warning in found if "below the untrained" not in warning["message"]]


def untrained_of(config):
    return [
        {key: value for key, value in line.items() if key not in ("run_id", *OF_THE_MOMENT)}
        for line in read_log(config)
        if line["event"] == "untrained"
    ]


def interrupted_run(config, monkeypatch):
    """Start a run and let a signal end it in its first epoch."""
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "set_learning_rates", _interrupt)
        assert train(config) == 143


def _interrupt(*_):
    raise Interrupted(signal.SIGTERM)
