from types import SimpleNamespace

import pytest
import torch

from biencoder.config import Config
from biencoder.storage import run_checkpoints
from biencoder.storage.progress import Progress, State


@pytest.fixture
def save_epoch(tmp_path, model):
    """A function that saves a checkpoint of `tmp_path/run` at the end of an epoch."""
    writer = SimpleNamespace(save_pretrained=lambda folder: folder.mkdir(exist_ok=True))

    def save_one(epoch, *, best=False, **switches):
        bi_encoder = model(**switches)
        bi_encoder.encoder.config = SimpleNamespace(save_pretrained=writer.save_pretrained)
        progress = Progress(epoch=epoch, step=10 * epoch, stage="evaluated")
        state = State(version="9.8", run_id="run", config=Config(), progress=progress)
        training = {"negatives": torch.arange(3)}
        folder = run_checkpoints.folder(tmp_path / "run", progress)
        save_one.left = run_checkpoints.save(folder, bi_encoder, writer, state, training, best=best)
        return folder

    return save_one
