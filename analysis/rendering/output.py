"""Chooses the folder for results, writes whole files, and prints to standard error."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from analysis.errors import AnalysisError


def folder(paths: Sequence[str], out: Path | None) -> Path:
    """Return the folder for results, made where it is missing: `out`, else `plots/` by the logs.

    By the logs means inside the first of `paths` where that is a folder, else next to it.
    Raises `AnalysisError` where the folder cannot be made.
    """
    first = Path(paths[0])
    chosen = out or (first if first.is_dir() else first.parent) / "plots"
    try:
        chosen.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AnalysisError(
            f"{chosen}: cannot make this folder ({error.strerror}): name another with --out"
        ) from None
    return chosen


def write(path: Path, content: str | bytes) -> Path:
    """Write a whole file or none, and return `path`: to a temporary name beside it, then renamed.

    Raises `AnalysisError` where it cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    data = content.encode() if isinstance(content, str) else content
    try:
        unfinished.write_bytes(data)
        unfinished.replace(path)
    except OSError as error:
        raise AnalysisError(
            f"{path}: cannot be written ({error.strerror}): name another folder with --out"
        ) from None
    return path


def warn(lines: Iterable[str]) -> None:
    """Print lines to standard error."""
    for line in lines:
        print(line, file=sys.stderr)
