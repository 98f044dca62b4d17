"""Files and folders that appear whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from biencoder.errors import FileError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; on leaving it takes the name `path` in one step.

    Where the block fails, what was at `path` before is still there and nothing is left beside it.
    Raises `FileError` where the disk refuses.
    """
    unfinished = path.with_name(f".{path.name}.tmp")
    try:
        yield unfinished
        _flush(unfinished)
        unfinished.replace(path)
        _flush(path.parent)
    except (OSError, SafetensorError) as error:
        raise FileError(path, error) from None
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """The same for a folder: an empty one to fill, which then takes the place of `path`."""
    unfinished = path.with_name(f".{path.name}.tmp")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
        yield unfinished
        for written in unfinished.rglob("*"):
            _flush(written)
        _flush(unfinished)
        replaced = path.with_name(f".{path.name}.old")
        if path.exists():
            shutil.rmtree(replaced, ignore_errors=True)  # left by a killed process
            path.rename(replaced)
        unfinished.rename(path)
        _flush(path.parent)
        shutil.rmtree(replaced, ignore_errors=True)
    except (OSError, SafetensorError) as error:
        raise FileError(path, error) from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _flush(path: Path) -> None:
    """Wait until the file's bytes, or the folder's entries, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
