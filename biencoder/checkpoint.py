"""Saved models: `<checkpoint_dir>/<run_id>/` holds the best epoch's, the last's, and an index.

checkpoints.json        {"best": "epoch-0003", "last": "epoch-0005"}
epoch-0003/
    model.safetensors   every parameter, named as in `BiEncoder`
    state.json          config, epoch, and the evaluation of that epoch
    encoder/            the encoder's configuration and its tokenizer
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import safetensors
from safetensors.torch import load_file, save_file

from biencoder.model import BiEncoder
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
    unfinished = run_dir / f".{name}.tmp"
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        save_file(
            {key: tensor.contiguous().cpu() for key, tensor in model.state_dict().items()},
            unfinished / "model.safetensors",
        )
        _write_json(unfinished / "state.json", state)
        encoder: Any = model.encoder
        encoder.config.save_pretrained(unfinished / "encoder")
        tokenizer.save_pretrained(unfinished / "encoder")
        unfinished.rename(run_dir / name)
        index = _read_index(run_dir) | {"last": name} | ({"best": name} if best else {})
        _write_json(run_dir / f".{INDEX}.tmp", index)
        (run_dir / f".{INDEX}.tmp").replace(run_dir / INDEX)
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


def initialise(model: BiEncoder, folder: Path) -> list[str]:
    """Load a checkpoint's weights into `model`; returns the modules that keep their fresh ones.

    Those are the pair head where its shape differs (another fusion) and LayerNorms that the
    checkpoint's variant does not have. Raises `CheckpointError` where the encoder differs.
    """
    try:
        saved = load_file(folder / "model.safetensors")
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{folder / 'model.safetensors'}: cannot be read ({error})") from None
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


def _read_index(run_dir: Path) -> dict[str, str]:
    path = run_dir / INDEX
    return dict(json.loads(path.read_text())) if path.is_file() else {}


def _write_json(path: Path, value: Any) -> None:
    with path.open("w", encoding="utf-8") as file:
        json.dump(value, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
