"""Writes files and folders atomically: they appear whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from biencoder.errors import FileError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; after the block it is renamed to `path`.

    Where the block fails, `path` stays as it was and nothing is left beside it.
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
    """Yield an empty temporary folder to fill; after the block it replaces `path`."""
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
    """Synchronise a file or the entries of a folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
