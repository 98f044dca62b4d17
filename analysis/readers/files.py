"""Reads whole files, but no pipes, no devices and no files larger than any log."""

import stat
from pathlib import Path

from analysis.errors import AnalysisError

#: Bytes of the largest file that is read: a log of a million steps has some 300 MB.
LARGEST = 512 * 1024 * 1024


def fault(path: Path) -> str | None:
    """Say why a file must not be read; None where it may. Raises `OSError` as `Path.stat` does."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        return "not a regular file"
    if status.st_size > LARGEST:
        return f"{status.st_size / 1e9:.1f} GB, more than the {LARGEST / 1e9:.1f} GB that are read"
    return None


def contents(path: Path, size: int = LARGEST) -> bytes:
    """Read a file, its first `size` bytes at most.

    Raises `AnalysisError` where it cannot or must not be read.
    """
    try:
        if reason := fault(path):
            raise AnalysisError(f"{path}: {reason}")
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise AnalysisError(f"{path}: cannot be read ({error.strerror})") from None
