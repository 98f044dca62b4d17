"""Writes files and folders atomically: they appear whole or not at all."""

import contextlib
import errno
import json
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from biencoder.errors import NOT_OFFERED, FileError, RunError, errno_of
from biencoder.runtime.main_process import main_process_only

#: The process' umask, which can be read only by setting it.
UMASK = os.umask(0o077)
os.umask(UMASK)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; after the block it is renamed to `path`.

    Where the block fails, `path` stays as it was and nothing is left beside it. A link's target
    is written, and a file that is replaced keeps its permissions.
    Raises `FileError` where the system refuses.
    """
    path = path.resolve() if path.is_symlink() else path
    if path.exists() and not path.is_file():  # which would come to light only after the work
        is_folder = IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        raise FileError(path, is_folder if path.is_dir() else OSError("not a regular file"))
    with _unfinished(path) as unfinished:
        yield unfinished
        _permit(unfinished, path.stat().st_mode if path.exists() else None)
        flush(unfinished)
        unfinished.replace(path)
        flush(path.parent)


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield an empty temporary folder to fill; after the block it replaces `path`."""
    with _unfinished(path) as unfinished:
        unfinished.mkdir()
        yield unfinished
        for written in unfinished.rglob("*"):
            _permit(written)
            flush(written)
        flush(unfinished)
        replaced = unfinished.with_name(f"{path.name}.replaced")
        try:
            if path.exists():
                path.rename(replaced)
            unfinished.rename(path)
        except BaseException:  # a signal, too, or the old folder would be removed with `replaced`
            if replaced.exists() and not path.exists():
                replaced.rename(path)
            raise
        flush(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON to a path that one of the above has yielded."""
    path.write_text(json.dumps(value, indent=2) + "\n", "utf-8")


def flush(path: Path) -> bool:
    """Synchronise a file or the entries of a folder to disk; returns False where the file system
    does not offer that.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NOT_OFFERED:
            raise
        return False
    finally:
        os.close(descriptor)
    return True


@main_process_only
def clear_unfinished(folder: Path, pattern: str, *, min_age: float = 0) -> None:
    """Remove what a killed process left: temporary folders like `pattern`, as `.NAME.*.tmp`.

    Where other processes may be writing, give a `min_age` in seconds that no writing takes.
    """
    for left in list(folder.glob(pattern)):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime >= min_age:
                shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _unfinished(path: Path) -> Iterator[Path]:
    """Yield a path in a new folder beside `path`, and remove the folder at the end.

    Nobody else can reach into that folder, or have planted a link where it is made: its name
    cannot be guessed.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            ".tmp", f".{path.name}.", path.parent, ignore_cleanup_errors=True
        ) as folder:
            yield Path(folder) / path.name
    except RunError:  # of another file
        raise
    except Exception as error:
        is_refusal = isinstance(error, OSError | SafetensorError) or errno_of(error)
        if is_refusal and not _is_of_another_file(error, path):
            raise FileError(path, error) from None
        raise


def _is_of_another_file(error: Exception, path: Path) -> bool:
    """Whether an error names a file that has nothing to do with writing `path`."""
    name = getattr(error, "filename", None)
    if not isinstance(name, str):
        return False
    is_unfinished = any(part.startswith(f".{path.name}.") for part in Path(name).parts)
    return not is_unfinished and Path(name) not in (path, *path.parents)


def _permit(path: Path, mode: int | None = None) -> None:
    """Give a file a mode, by default the umask's: safetensors writes for the owner alone."""
    if path.is_file():
        with contextlib.suppress(OSError):  # a file system that keeps no permissions
            path.chmod(0o666 & ~UMASK if mode is None else stat.S_IMODE(mode))
