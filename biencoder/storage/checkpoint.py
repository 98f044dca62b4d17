"""One saved model: a folder of its weights, its state and what training goes on from.

    model.safetensors       every parameter, named as in `BiEncoder`
    state.json              version, run id, config, progress, the best evaluation so far
    encoder/                the encoder's configuration and its tokenizer
    training.safetensors    Adam's moments and the negatives in force, to go on from
    checksums.json          SHA-256 of each of the above

Only tensors and JSON are ever read back: no pickle.
"""

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

import safetensors
import torch
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from torch import Tensor

from biencoder.config import Config
from biencoder.errors import CheckpointError
from biencoder.model import encoder
from biencoder.model.biencoder import BiEncoder, build
from biencoder.runtime import environment
from biencoder.storage.atomic import whole_file, whole_folder, write_json
from biencoder.storage.identity import identity
from biencoder.storage.progress import State

MODEL, TRAINING, STATE, CHECKSUMS = (
    "model.safetensors",
    "training.safetensors",
    "state.json",
    "checksums.json",
)


def write(
    folder: Path, model: BiEncoder, tokenizer: Any, state: State, training: dict[str, Tensor]
) -> None:
    """Write the model as `state` describes it; the folder appears whole or not at all.

    Raises `FileError`.
    """
    with whole_folder(folder) as unfinished:
        save_file(_on_host(model.state_dict()), unfinished / MODEL)
        save_file(_on_host(training), unfinished / TRAINING)
        write_json(unfinished / STATE, state.model_dump(mode="json"))
        model.encoder.config.save_pretrained(unfinished / "encoder")
        tokenizer.save_pretrained(unfinished / "encoder")
        write_json(unfinished / CHECKSUMS, _checksums(unfinished))


def verify(folder: Path) -> None:
    """Check a checkpoint's checksums. Raises `CheckpointError` naming a damaged or missing file."""
    expected = _read_checksums(folder)
    for name in {MODEL, STATE} | expected.keys() if expected else {CHECKSUMS}:
        try:
            is_as_written = _digest(folder / name) == expected.get(name)
        except (OSError, ValueError):
            is_as_written = False
        if not is_as_written:
            raise CheckpointError(f"{folder / name}: damaged or missing; use another checkpoint")


def is_intact(folder: Path) -> bool:
    """Tell whether there is a checkpoint and each of its files is as it was written."""
    try:
        verify(folder)
    except CheckpointError:
        return False
    return True


def load(folder: Path, device: torch.device) -> tuple[BiEncoder, Any, State]:
    """Load (model, tokenizer, state) from a checkpoint. Raises `CheckpointError`."""
    verify(folder)
    state = read_state(folder)
    config = state.config
    skeleton, tokenizer = encoder.from_folder(folder / "encoder", config.pooling, config.max_length)
    precision = environment.precision(config.precision, device)
    model = build(config, skeleton, precision, device).to(device)
    put_weights(model, folder)
    return model, tokenizer, state


def put_weights(model: BiEncoder, folder: Path) -> None:
    """Load all of a checkpoint's weights into `model`. Raises `CheckpointError`."""
    try:
        model.load_state_dict(read_tensors(folder / MODEL))
    except RuntimeError:
        raise CheckpointError(
            f"{folder / MODEL}: these weights do not fit the encoder and config beside them"
        ) from None


def read_state(folder: Path) -> State:
    """Read a checkpoint's state. Raises `CheckpointError`."""
    path = folder / STATE
    state: Any = None
    try:
        state = json.loads(path.read_text("utf-8"))
        return State.model_validate(state)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        by = f"version {state.get('version', '0.1')}" if isinstance(state, dict) else "no version"
        raise CheckpointError(
            f"{path}: this version cannot read {field} ({first['msg']}); written by {by}, which can"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error!r})") from None


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file. Raises `CheckpointError`."""
    try:
        return load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error})") from None


def first_stage(model: BiEncoder, folder: Path) -> tuple[dict[str, Tensor], list[str]]:
    """Read a first stage: (its weights that fit `model`, names of modules that start fresh).

    Those are the pair head where its shape differs (another fusion), and the LayerNorms that the
    checkpoint does not have. Raises `CheckpointError` where the encoder differs.
    """
    verify(folder)
    read_state(folder)  # refuses a checkpoint of a version that this one cannot read
    saved = read_tensors(folder / MODEL)
    own = model.state_dict()
    fitting = {
        name: tensor
        for name, tensor in saved.items()
        if name in own and own[name].shape == tensor.shape
    }
    fresh = sorted({name.split(".")[0] for name in own.keys() - fitting.keys()})
    if {"encoder", "similarity"} & set(fresh):
        raise CheckpointError(
            f"{folder}: was trained with another encoder or pooling; pass the --encoder and "
            "--pooling of that run"
        )
    return fitting, fresh


def digest(folder: Path) -> str:
    """Hash a checkpoint's weights, 16 hexadecimal digits."""
    return _digest(folder / MODEL)[:16]


def index_digest(folder: Path, config: Config) -> str:
    """Hash what decides an index of texts: weights, encoder, tokenizer and how they are used.

    The checkpoint is one that was verified.
    """
    checksums = _read_checksums(folder)
    files = {name: checksums[name] for name in checksums if name not in (STATE, TRAINING)}
    uses = ("pooling", "max_length", "layernorm", "relu", "fusion", "hubness_weight")
    return identity(files | {name: getattr(config, name) for name in uses})


def drop_training_state(folder: Path) -> None:
    """Remove what only training needs."""
    checksums = _read_checksums(folder)
    if checksums.pop(TRAINING, None):
        with whole_file(folder / CHECKSUMS) as path:
            write_json(path, checksums)
    with contextlib.suppress(OSError):  # it is in nobody's way
        (folder / TRAINING).unlink()


def _read_checksums(folder: Path) -> dict[str, str]:
    """Read a checkpoint's checksums, {} where they are damaged or missing."""
    try:
        return dict(json.loads((folder / CHECKSUMS).read_text("utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        return {}


def _checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below `folder`."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): _digest(path) for path in paths}


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _on_host(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}
