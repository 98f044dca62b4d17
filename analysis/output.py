"""Where results go and how text from a log reaches a terminal, a file or a picture."""

from collections.abc import Sequence
from pathlib import Path

from analysis.errors import AnalysisError


def folder(paths: Sequence[str], out: Path | None) -> Path:
    """The folder for results, made where it is missing: `out`, else `plots/` beside the logs.

    Beside the logs means inside the first of `paths` where that is a folder, else next to it.
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
    """Write a whole file or none: to a temporary name beside it, then renamed. Returns `path`."""
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
