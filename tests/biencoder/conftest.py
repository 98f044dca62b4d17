import tarfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import torch
from handmade import make_model, make_split

from biencoder.data import corpus
from biencoder.data.corpus import Split
from biencoder.model.biencoder import BiEncoder
from biencoder.retrieval.embedding import Embeddings
from biencoder.retrieval.pools import Retrieved, retrieve


@pytest.fixture
def real_corpus(shared: Path, tmp_path: Path) -> Path:
    """The folder of the real corpus; skips where it is absent."""
    with tarfile.open(shared / "data" / "arguana-counterargs.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "arguana-counterargs"


@pytest.fixture
def model() -> Callable[..., BiEncoder]:
    """A function that makes a `BiEncoder` from its switches."""
    return make_model


@pytest.fixture
def split() -> Split:
    """A split of 30 pairs of one debate."""
    return make_split([(f"point {number}", f"counter {number}") for number in range(30)], "test")


@pytest.fixture
def retrieved(split: Split, model: Callable[..., BiEncoder]) -> Retrieved:
    """What random embeddings of that split retrieve."""
    torch.manual_seed(1)
    return retrieve(split, Embeddings(torch.randn(60, 128), torch.randn(60, 6)), model())


@pytest.fixture
def settings(
    tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, object]:
    """A run of a second or two: the sample corpus, a tiny encoder, files in a folder of its own.

    It keeps no vectors for a later run, whether or not the checkout is clean.
    """
    monkeypatch.setenv("BIENCODER_COMMIT", "unknown")
    return {
        "encoder": str(tiny_encoder),
        "max_length": 24,
        "epochs": 1,
        "log_dir": tmp_path / "logs",
        "checkpoint_dir": tmp_path / "checkpoints",
        "run_id": "run",
        "device": "cpu",
        "recipe": "documented",  # which mines, and hard ones from the first epoch on
        "batch_size": 8,
        "lr": 1e-4,
        "head_lr": 1e-3,
    }


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table of 20 texts to search."""
    rows = {"id": [f"t{n}" for n in range(20)], "text": corpus.load(None).test.texts[:20]}
    pl.DataFrame(rows).write_csv(tmp_path / "texts.csv")
    return tmp_path / "texts.csv"
