"""Finds the run logs under some paths and tells their format by their content.

Links to files are followed; links to folders are not, and hidden files are skipped. Nothing is
printed: notes, sentences that name the file, say what was passed over.
"""

import glob
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from analysis.errors import AnalysisError
from analysis.printable import printable
from analysis.readers import legacy, predictions
from analysis.readers.files import LARGEST, fault

#: Names of folders that a walk passes over, because pictures and reports are written there.
OUTPUT_FOLDERS = ("plots",)

#: Name of a folder that is read only where it is named: its runs stand beside a comparison.
CONTEXT_FOLDER = "context"

Format = Literal["jsonl", "legacy"]

_JSONL_MARK = rb'^[^\n{]*\{[^\n]*"run_id"'  # from a line's start, so that each is looked at once
_MARKS = re.compile(
    b"(%s)|%s" % (_JSONL_MARK, b"|".join(map(str.encode, legacy.FRAGMENTS))), re.MULTILINE
)
_HEAD = 64 * 1024  # bytes that nearly always show the format


class _File(NamedTuple):
    """A file that may be a log."""

    path: Path  # as given, or below a folder as given
    named: bool  # by the user, rather than met in a folder or by a pattern


def find_logs(
    paths: Sequence[str | Path],
    notes: list[str],
    known: Mapping[Path, Format] | None = None,
) -> dict[Path, Format]:
    """Map each run log under `paths` to its format, in order of path within each of `paths`.

    `paths` are files, folders (walked) and glob patterns. The formats of logs in `known` are taken
    from there. Appends to `notes` a sentence for each file that was passed over. Raises
    `AnalysisError` where a path does not exist or cannot be read, and where no log is found.
    """
    formats = _formats(_find(paths, notes), notes, known or {})
    if not formats:
        shown, why = ", ".join(map(str, paths)), f" ({notes[0]})" if notes else ""
        raise AnalysisError(
            f"{shown}: no run log found, neither JSONL from train nor legacy text{why}"
        )
    return formats


def _find(paths: Sequence[str | Path], notes: list[str]) -> list[_File]:
    """List the regular files under `paths`, each once."""
    found: dict[str, _File] = {}
    for given in paths:
        try:
            files = list(_files_under(given, notes))
        except OSError as error:
            raise AnalysisError(f"{given}: cannot be read ({error.strerror})") from None
        for file in files:
            found.setdefault(os.path.realpath(file.path), file)
    return list(found.values())


def _files_under(given: str | Path, notes: list[str]) -> Iterator[_File]:
    """Yield the files that one of the paths stands for; raises `AnalysisError` if none."""
    path = Path(given)
    if path.is_file():
        yield _File(path, named=True)
    elif path.is_dir():
        yield from _walk(path, notes)
    elif glob.has_magic(str(given)):
        # Path.glob takes no absolute pattern.
        matches = sorted(map(Path, glob.glob(str(given), recursive=True)))  # noqa: PTH207
        if not matches:
            raise AnalysisError(f"{given}: no file matches this pattern")
        aside = dict.fromkeys(
            m for m in matches if CONTEXT_FOLDER in m.parts and CONTEXT_FOLDER not in path.parts
        )
        notes += map(_context_note, dict.fromkeys(map(_context_folder, aside)))
        for match in (m for m in matches if m not in aside):
            if match.is_dir():
                yield from _walk(match, notes)
            elif match.is_file():  # neither pipe nor device
                yield _File(match, named=False)
    elif path.exists():
        raise AnalysisError(f"{given}: neither a regular file nor a folder")
    else:
        raise AnalysisError(f"{given}: no such file or folder")


def _walk(folder: Path, notes: list[str]) -> Iterator[_File]:
    """Yield the files below `folder`, in order of path."""

    def unreadable(error: OSError) -> None:
        notes.append(f"{error.filename}: cannot be read ({error.strerror}), passed over")

    for parent, folders, names in os.walk(folder, onerror=unreadable):
        if CONTEXT_FOLDER in folders:
            notes.append(_context_note(Path(parent, CONTEXT_FOLDER)))
        for name in sorted(folders):
            if not name.startswith(".") and Path(parent, name).is_symlink():
                notes.append(f"{Path(parent, name)}: a link to a folder, passed over; name it")
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and name not in (*OUTPUT_FOLDERS, CONTEXT_FOLDER)
        )
        for name in sorted(names):
            path = Path(parent, name)
            if not name.startswith(".") and path.is_file():
                yield _File(path, named=False)


def _context_folder(path: Path) -> Path:
    """Return the part of `path` that ends with the first folder named as `CONTEXT_FOLDER`."""
    return Path(*path.parts[: path.parts.index(CONTEXT_FOLDER) + 1])


def _context_note(folder: Path) -> str:
    """Say that the runs in `folder` were passed over."""
    return f"{folder}: runs for context, passed over; name it to read them"


def _formats(
    files: Sequence[_File], notes: list[str], known: Mapping[Path, Format]
) -> dict[Path, Format]:
    """Map each log among `files` to its format."""
    formats: dict[Path, Format] = {}
    for path, named in files:
        if path.name.endswith(predictions.ENDING) or path.parent.suffix == ".trec":
            continue  # a run leaves these beside its log
        if not named and (path.suffix == ".md" or path.name == "schema.json"):
            continue  # the documentation of the logs, whose examples are not runs
        try:
            str(path).encode()
        except UnicodeEncodeError:
            notes.append(f"{printable(str(path))}: its name is not UTF-8, passed over; rename it")
            continue
        try:
            content = known.get(path) or _content(path)
            reason = None if content == "other" else fault(path)
        except OSError as error:
            reason = f"cannot be read ({error.strerror})"
        if reason:
            notes.append(f"{path}: {reason}, passed over")
            continue
        if content in ("jsonl", "legacy"):
            formats[path] = content
        elif content == "text" or named:
            notes.append(f"{path}: not a run log, passed over")
    return formats


def _content(path: Path) -> Format | Literal["text", "other"]:
    """Return the format of the first line that shows one; 'other' is binary or markup."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
        mark = _MARKS.search(head)
        if mark is None:
            if b"\0" in head or head.lstrip().startswith(b"<"):
                return "other"
            if fault(path):
                return "text"
            mark = _MARKS.search(head + file.read(LARGEST))
    if mark is None:
        return "text"
    return "jsonl" if mark.group(1) else "legacy"
