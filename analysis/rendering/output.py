"""Chooses the folder for results, writes whole files, and prints to standard error."""

import glob
import os
import secrets
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from analysis.errors import AnalysisError
from analysis.rendering.labels import counted

#: The most folders that are listed when all files are written.
MOST_FOLDERS = 4


def folder(paths: Sequence[str], out: Path | None) -> Path:
    """Return the folder for results, made where it is missing: `out`, else `plots/` by the logs.

    By the logs means inside the first of `paths` where that is a folder, else next to it; for a
    pattern, inside the folder that all its matches have in common.
    Raises `AnalysisError` where the folder cannot be made.
    """
    if out is None:
        # Path.glob takes no absolute pattern.
        matches = [] if os.path.lexists(paths[0]) else glob.glob(paths[0], recursive=True)  # noqa: PTH207
        named = [Path(match) for match in matches or paths[:1]]
        folders = [path if path.is_dir() else path.parent for path in named]
        out = Path(os.path.commonpath(folders)) / "plots"
    return made(out)


def made(folder: Path) -> Path:
    """Make a folder where it is missing, and return it. Raises `AnalysisError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AnalysisError(
            f"{folder}: cannot make this folder ({error.strerror}): name another with --out"
        ) from None
    return folder


def write(path: Path, content: str | bytes) -> Path:
    """Write a file whole or not at all, and return `path`.

    The content goes into a temporary file beside it, which is then renamed. That file has a random
    name and must be new ("x"), so that nobody can have planted a link there.
    Raises `AnalysisError` where it cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}.unfinished")
    data = content.encode() if isinstance(content, str) else content
    with _failing_on(path):
        try:
            with unfinished.open("xb") as file:
                file.write(data)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    return path


def grow(path: Path, content: bytes) -> Path:
    """Bring a file to this content by appending what it lacks at its end, and return `path`.

    A program that reads the file while it grows continues where it was. A file that holds anything
    else is written anew. Raises `AnalysisError` where it cannot be written.
    """
    with _failing_on(path):
        held = path.read_bytes() if path.exists() else b""
        if not held or not content.startswith(held):
            return write(path, content)
        with path.open("ab") as file:
            file.write(content[len(held) :])
    return path


@contextmanager
def _failing_on(path: Path) -> Iterator[None]:
    """Raise an error of the system as an `AnalysisError` that names `path`."""
    try:
        yield
    except OSError as error:
        raise AnalysisError(
            f"{path}: cannot be written ({error.strerror}): name another folder with --out"
        ) from None


def warn(lines: Iterable[str]) -> None:
    """Print lines to standard error."""
    for line in lines:
        print(line, file=sys.stderr)


def listing(written: Sequence[Path]) -> list[str]:
    """List the files that were written: one line per folder, for the first `MOST_FOLDERS`."""
    by_folder: dict[Path, list[str]] = {}
    for path in written:
        by_folder.setdefault(path.parent, []).append(path.name)
    lines = [
        f"wrote {folder}{os.sep}: {', '.join(_together(names))}"
        for folder, names in by_folder.items()
    ]
    more = [f"… and {counted(len(lines) - MOST_FOLDERS, 'more folder')}"]
    return lines[:MOST_FOLDERS] + more * (len(lines) > MOST_FOLDERS)


def _together(names: Sequence[str]) -> list[str]:
    """Write files that differ in their ending alone as one name: 'runs.{png,svg}'."""
    endings: dict[str, list[str]] = {}
    for name in names:
        stem, _, ending = name.rpartition(".")
        endings.setdefault(stem, []).append(ending)
    return [
        f"{stem}.{found[0] if len(found) == 1 else '{' + ','.join(found) + '}'}"
        for stem, found in endings.items()
    ]
