"""Saved models: `<checkpoint_dir>/<run_id>/` holds the best epoch's, the last's, and an index.

checkpoints.json        {"best": "epoch-0003", "last": "epoch-0005"}
epoch-0003/
    model.safetensors   every parameter, named as in `BiEncoder`
    state.json          config, epoch, and the evaluation of that epoch
    encoder/            the encoder's configuration and its tokenizer
"""

import json
import shutil
from pathlib import Path
from typing import Any

import safetensors
from safetensors.torch import load_file, save_file
from torch import Tensor

from biencoder import encoder
from biencoder.config import Config
from biencoder.files import whole_file, whole_folder
from biencoder.model import BiEncoder, build
from commandline import RunError

INDEX = "checkpoints.json"


class CheckpointError(RunError):
    """A checkpoint that cannot be written or read; the message names the path and what to do."""


def save(
    run_dir: Path,
    model: BiEncoder,
    tokenizer: Any,
    state: dict[str, Any],
    *,
    best: bool,
) -> Path:
    """Write the model after `state['epoch']` epochs and make it the last, and perhaps the best.

    The folder appears whole or not at all, and what it replaces goes only afterwards. Raises
    `CheckpointError`.
    """
    name = f"epoch-{state['epoch']:04d}"
    try:
        with whole_folder(run_dir / name) as folder:
            save_file(_tensors(model), folder / "model.safetensors")
            _write_json(folder / "state.json", state)
            model.encoder.config.save_pretrained(folder / "encoder")
            tokenizer.save_pretrained(folder / "encoder")
        index = _read_index(run_dir) | {"last": name} | ({"best": name} if best else {})
        with whole_file(run_dir / INDEX) as path:
            _write_json(path, index)
        for folder in run_dir.glob("epoch-*"):
            if folder.name not in index.values():
                shutil.rmtree(folder)
    except OSError as error:
        raise CheckpointError(
            f"{run_dir}: the checkpoint cannot be written ({error.strerror}); free some space or "
            "pass another --checkpoint_dir"
        ) from None
    return run_dir / name


def find(reference: str, checkpoint_dir: Path) -> Path:
    """The folder of the best weights that a run id, a run's folder or a checkpoint's folder means.

    Raises `CheckpointError`.
    """
    for folder in (Path(reference), checkpoint_dir / reference):
        if (folder / "model.safetensors").is_file():
            return folder
        if (folder / INDEX).is_file():
            return folder / _read_index(folder)["best"]
    raise CheckpointError(
        f"{reference}: no checkpoint there, nor in {checkpoint_dir / reference}; name a run id "
        f"below {checkpoint_dir} or a folder that holds {INDEX} or model.safetensors"
    )


def load(folder: Path) -> tuple[BiEncoder, Any, dict[str, Any]]:
    """(model, tokenizer, state) of the checkpoint in `folder`, on the CPU.

    Raises `CheckpointError`.
    """
    state = read_state(folder)
    config = Config(**state["config"])
    skeleton, tokenizer = encoder.from_folder(folder / "encoder", config.pooling)
    model = build(config, skeleton)
    model.load_state_dict(_read_weights(folder))
    return model, tokenizer, state


def read_state(folder: Path) -> dict[str, Any]:
    """The run id, epoch, top-1 figures and config of the checkpoint in `folder`."""
    path = folder / "state.json"
    try:
        state = json.loads(path.read_text("utf-8"))
        Config(**state["config"])
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error})") from None
    return dict(state)


def initialise(model: BiEncoder, folder: Path) -> list[str]:
    """Load a checkpoint's weights into `model`; returns the modules that keep their fresh ones.

    Those are the pair head where its shape differs (another fusion) and LayerNorms that the
    checkpoint's variant does not have. Raises `CheckpointError` where the encoder differs.
    """
    saved = _read_weights(folder)
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
    model.load_state_dict(fitting, strict=False)
    return fresh


def _tensors(model: BiEncoder) -> dict[str, Tensor]:
    return {name: tensor.contiguous().cpu() for name, tensor in model.state_dict().items()}


def _read_weights(folder: Path) -> dict[str, Tensor]:
    path = folder / "model.safetensors"
    try:
        return load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error})") from None


def _read_index(run_dir: Path) -> dict[str, str]:
    path = run_dir / INDEX
    return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", "utf-8")
