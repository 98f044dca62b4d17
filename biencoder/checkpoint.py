"""Saved models: `<checkpoint_dir>/<run_id>/` holds the best epoch's, the last ones', and an index.

    checkpoints.json            {"best": …, "last": …, "previous": …}: names of the folders below
    epoch-0003-step-001050-evaluated/
        model.safetensors       every parameter, named as in `BiEncoder`
        state.json              run id, config, progress, the best evaluation so far
        encoder/                the encoder's configuration and its tokenizer
        training.safetensors    Adam's moments and the negatives in force, to go on from
        checksums.json          SHA-256 of each of the above

Only tensors and JSON are ever read back: no pickle.
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import safetensors
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from torch import Tensor

from biencoder import encoder
from biencoder.config import Config
from biencoder.files import whole_file, whole_folder
from biencoder.model import BiEncoder, build
from commandline import RunError

INDEX = "checkpoints.json"
MODEL, TRAINING, STATE, CHECKSUMS = (
    "model.safetensors",
    "training.safetensors",
    "state.json",
    "checksums.json",
)


class CheckpointError(RunError):
    """A checkpoint that cannot be read; the message names the path and what to do."""


def save(
    run_dir: Path,
    model: BiEncoder,
    tokenizer: Any,
    state: dict[str, Any],
    training: dict[str, Tensor],
    *,
    best: bool,
) -> Path:
    """Write the model as `state` describes it and make it the last, and perhaps the best.

    The folder appears whole or not at all, and what it replaces goes only afterwards. One that is
    there already was written at the same point of the same run and holds the same. Raises
    `FileError`.
    """
    name = f"epoch-{state['epoch']:04d}-step-{state['step']:06d}-{state['stage']}"
    if not (run_dir / name).is_dir():
        with whole_folder(run_dir / name) as folder:
            save_file(_on_host(model.state_dict()), folder / MODEL)
            save_file(_on_host(training), folder / TRAINING)
            _write_json(folder / STATE, state)
            model.encoder.config.save_pretrained(folder / "encoder")
            tokenizer.save_pretrained(folder / "encoder")
            _write_json(folder / CHECKSUMS, _checksums(folder))
    index = read_index(run_dir)
    if index.get("last") not in (None, name):
        index["previous"] = index["last"]
    _write_index(run_dir, index | {"last": name} | ({"best": name} if best else {}))
    return run_dir / name


def newest(run_dir: Path) -> tuple[Path | None, list[str]]:
    """(the newest undamaged checkpoint to go on from or None, names of damaged ones).

    A damaged checkpoint is set aside as `<name>.damaged`.
    """
    index = read_index(run_dir)
    damaged: list[str] = []
    for role in ("last", "previous"):
        folder = run_dir / index.get(role, "none")
        if not folder.is_dir():
            continue
        try:
            verify(folder)
            return folder, damaged
        except CheckpointError:
            set_aside = folder.with_name(f"{folder.name}.damaged")
            shutil.rmtree(set_aside, ignore_errors=True)
            folder.rename(set_aside)
            damaged.append(folder.name)
    return None, damaged


def verify(folder: Path) -> None:
    """Raises `CheckpointError` where a file of the checkpoint is not as it was written."""
    try:
        expected = json.loads((folder / CHECKSUMS).read_text("utf-8"))
        damaged = [name for name, found in _checksums(folder).items() if expected[name] != found]
        damaged += [name for name in (MODEL, STATE) if name not in expected]
        damaged += [name for name in expected if not (folder / name).is_file()]
    except (OSError, ValueError, KeyError, TypeError):
        damaged = [CHECKSUMS]
    if damaged:
        raise CheckpointError(f"{folder / damaged[0]}: damaged; use another checkpoint")


def find(reference: str, checkpoint_dir: Path) -> Path:
    """The folder of the best weights that a run id, a run's folder or a checkpoint's folder means.

    Raises `CheckpointError`.
    """
    for folder in (Path(reference), checkpoint_dir / reference):
        if (folder / MODEL).is_file() and (folder / STATE).is_file():
            return folder
        if best := read_index(folder).get("best"):
            return folder / best
    raise CheckpointError(
        f"{reference}: no checkpoint there, nor in {checkpoint_dir / reference}; name a run id "
        f"below {checkpoint_dir} or a folder that holds {INDEX} or {MODEL}"
    )


def load(folder: Path) -> tuple[BiEncoder, Any, dict[str, Any]]:
    """(model, tokenizer, state) of the checkpoint in `folder`, on the CPU.

    Raises `CheckpointError`.
    """
    state = read_state(folder)
    config = Config(**state["config"])
    skeleton, tokenizer = encoder.from_folder(folder / "encoder", config.pooling)
    model = build(config, skeleton)
    model.load_state_dict(read_tensors(folder / MODEL))
    return model, tokenizer, state


def read_state(folder: Path) -> dict[str, Any]:
    """What `save` was given as `state`. Raises `CheckpointError`."""
    path = folder / STATE
    try:
        state = json.loads(path.read_text("utf-8"))
        Config(**state["config"])
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise CheckpointError(
            f"{path}: its config is not one of this version ({field}: {first['msg']})"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error!r})") from None
    return dict(state)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Raises `CheckpointError`."""
    try:
        return load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error})") from None


def initialise(model: BiEncoder, folder: Path) -> list[str]:
    """Load a checkpoint's weights into `model`; returns the modules that keep their fresh ones.

    Those are the pair head where its shape differs (another fusion) and LayerNorms that the
    checkpoint's variant does not have. Raises `CheckpointError` where the encoder differs.
    """
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
    model.load_state_dict(fitting, strict=False)
    return fresh


def read_index(run_dir: Path) -> dict[str, str]:
    """Role ('best', 'last', 'previous') → checkpoint name; {} where there is no index."""
    try:
        index = json.loads((run_dir / INDEX).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    # A name leads to a folder of this run and nowhere else.
    return {role: Path(str(name)).name for role, name in dict(index).items()}


def drop_training_state(run_dir: Path) -> None:
    """A finished run keeps its best and its last weights, and nothing to go on from."""
    index = read_index(run_dir)
    index.pop("previous", None)
    _write_index(run_dir, index)
    for name in set(index.values()):
        folder = run_dir / name
        (folder / TRAINING).unlink(missing_ok=True)
        with whole_file(folder / CHECKSUMS) as path:
            _write_json(path, _checksums(folder))


def _write_index(run_dir: Path, index: dict[str, str]) -> None:
    """Put the index in force, then remove the checkpoints that it does not name."""
    with whole_file(run_dir / INDEX) as path:
        _write_json(path, index)
    for unfinished in run_dir.glob(".epoch-*.tmp"):  # left by a killed process
        shutil.rmtree(unfinished)
    for folder in run_dir.glob("epoch-*"):
        if folder.name not in index.values() and folder.suffix != ".damaged":
            shutil.rmtree(folder)


def _checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below `folder` but the checksums themselves."""
    digests = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != CHECKSUMS:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            digests[str(path.relative_to(folder))] = digest
    return digests


def _on_host(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().contiguous().cpu() for name, tensor in tensors.items()}


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", "utf-8")
