"""A run's checkpoints: `<checkpoint_dir>/<run_id>/` keeps the best one and the last two.

checkpoints.json                    {"best": …, "last": …, "previous": …}: names of folders
epoch-0003-step-001050-evaluated/   a checkpoint
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any

from torch import Tensor

from biencoder.errors import CheckpointError
from biencoder.model.biencoder import BiEncoder
from biencoder.runtime.main_process import main_process_only
from biencoder.storage import checkpoint
from biencoder.storage.atomic import whole_file, write_json
from biencoder.storage.progress import Progress, State

INDEX = "checkpoints.json"

_NAME = re.compile(r"epoch-[0-9]{4,}-step-[0-9]{6,}-(trained|evaluated|mined)")


def folder(run_dir: Path, progress: Progress) -> Path:
    """Return the folder of a run's checkpoint at this point."""
    name = f"epoch-{progress.epoch:04d}-step-{progress.step:06d}-{progress.stage}"
    return run_dir / name


@main_process_only
def save(
    folder: Path,
    model: BiEncoder,
    tokenizer: Any,
    state: State,
    training: dict[str, Tensor],
    *,
    best: bool,
) -> list[str]:
    """Write the model as `state` describes it and make it the last, and perhaps the best.

    What it replaces goes only afterwards. A folder that is there, undamaged, was written at the
    same point of the same run and holds the same. Returns the names of former checkpoints that
    could not be removed. Raises `FileError`.
    """
    run_dir, name = folder.parent, folder.name
    if not checkpoint.is_intact(folder):
        checkpoint.write(folder, model, tokenizer, state, training)
    index = read_index(run_dir)
    if index.get("last") not in (None, name):
        index["previous"] = index["last"]
    return _write_index(run_dir, index | {"last": name} | ({"best": name} if best else {}))


def newest(run_dir: Path) -> tuple[Path | None, list[str]]:
    """Find the newest undamaged checkpoint to resume from, or None; and the names of damaged ones.

    A damaged checkpoint is set aside as `<name>.damaged`. Where the best one is damaged
    there is nothing to resume from, since the run ends with it.
    """
    index = read_index(run_dir)
    names = {role: index[role] for role in ("best", "last", "previous") if role in index}
    damaged = [
        name for name in dict.fromkeys(names.values()) if not checkpoint.is_intact(run_dir / name)
    ]
    for name in damaged:
        set_aside = run_dir / f"{name}.damaged"
        if (run_dir / name).exists():  # else it was set aside before
            shutil.rmtree(set_aside, ignore_errors=True)
            (run_dir / name).rename(set_aside)
    best, last, previous = (names.get(role) for role in ("best", "last", "previous"))
    newest_whole = previous if last in damaged else last
    if best is None or newest_whole is None or {best, newest_whole} & set(damaged):
        return None, damaged
    if damaged:
        _write_index(run_dir, {"best": best, "last": newest_whole})
    return run_dir / newest_whole, damaged


def find(reference: str, checkpoint_dir: Path) -> Path:
    """Find the best weights by a run id, a run's folder or a checkpoint's folder.

    A name without '/' is first of all a run id. Raises `CheckpointError`.
    """
    here, below = Path(reference), checkpoint_dir / reference
    for folder in (here, below) if "/" in reference else (below, here):
        if (folder / checkpoint.MODEL).is_file() and (folder / checkpoint.STATE).is_file():
            return folder
        if best := read_index(folder).get("best"):
            return folder / best
    raise CheckpointError(
        f"{reference}: no checkpoint there, nor in {checkpoint_dir / reference}; name a run id "
        f"below {checkpoint_dir}, or a folder that holds {INDEX} or "
        f"{checkpoint.MODEL} with {checkpoint.STATE}"
    )


def read_index(run_dir: Path) -> dict[str, str]:
    """Read the index, role ('best', 'last', 'previous') → checkpoint name; {} where there is none.

    Raises `CheckpointError` where there is one that cannot be read.
    """
    path = run_dir / INDEX
    try:
        index = json.loads(path.read_text("utf-8"))
        # A name leads to a checkpoint of this run and nowhere else.
        return {role: name for role, name in index.items() if _NAME.fullmatch(name)}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        raise CheckpointError(
            f"{path}: damaged; restore it, or name a checkpoint's own folder; a run cannot be gone "
            "on with (--resume=never starts a new one)"
        ) from None


@main_process_only
def drop_training_state(run_dir: Path) -> None:
    """Remove what only training needs once it is done; the best and the last weights stay."""
    index = read_index(run_dir)
    index.pop("previous", None)
    _write_index(run_dir, index)
    for name in set(index.values()):
        checkpoint.drop_training_state(run_dir / name)


def _write_index(run_dir: Path, index: dict[str, str]) -> list[str]:
    """Write the index, then remove the checkpoints that it does not name.

    Returns the names of those that cannot be removed, as on NFS while a file in one is open.
    """
    with whole_file(run_dir / INDEX) as path:
        write_json(path, index)
    left = []
    for folder in sorted(run_dir.glob("epoch-*")):
        if folder.name not in index.values() and folder.suffix != ".damaged":
            shutil.rmtree(folder, ignore_errors=True)
            left += [folder.name] if folder.exists() else []
    return left
