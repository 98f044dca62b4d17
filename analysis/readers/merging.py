"""Merges logs: leaves out earlier copies of a file, and tells runs of the same name apart.

Runs that have the same name in two files are both kept, under names that begin with their folders.
A note, a sentence that names the files, reports each decision.
"""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from analysis.readers.files import contents
from analysis.readers.predictions import beside
from analysis.schema import Log

_PIECE = 24 * 1024 * 1024  # bytes of two files that are compared at a time


def without_copies(paths: Sequence[Path], notes: list[str]) -> list[Path]:
    """Return `paths` without files that are the beginning of another file of the same name.

    Logs are only appended to, so such a file is an earlier copy of the other. All its bytes are
    compared. Appends to `notes` a sentence for each.
    """
    same_name = defaultdict(list)
    for path in paths:
        same_name[_stem(path)].append(path)
    copies = set()
    for group in same_name.values():
        if len(group) == 1:
            continue
        heads = {path: contents(path, 1024) for path in group}
        originals: list[Path] = []
        # Of equal files the one with its predictions beside it is the original.
        for path in sorted(group, key=lambda p: (-p.stat().st_size, not beside(str(p)).exists())):
            for original in originals:
                if heads[original].startswith(heads[path]) and _begins(path, original):
                    copies.add(path)
                    notes.append(f"{path}: a copy of {original}, passed over")
                    break
            else:
                originals.append(path)
    return [path for path in paths if path not in copies]


def rename_apart(logs: Sequence[Log], notes: list[str]) -> list[Log]:
    """Rename the runs whose name occurs in several of `logs`; each log is one file.

    The new name has the folder before the old one, or the file name where the folders are equal.
    Appends to `notes` a sentence for each name.
    """
    homes = defaultdict(list)
    for index, log in enumerate(logs):
        for run_id, source in zip(log.runs["run_id"], log.runs["source"], strict=True):
            homes[run_id].append((index, Path(source)))
    renamed: dict[int, dict[str, str]] = defaultdict(dict)
    for run_id, places in homes.items():
        if len(places) > 1:
            prefixes = _prefixes([path for _, path in places])
            for (index, _), prefix in zip(places, prefixes, strict=True):
                renamed[index][run_id] = prefix + run_id
            notes.append(_shared_name_note(run_id, prefixes))
    return [_rename(log, renamed[index]) for index, log in enumerate(logs)]


def legacy_names(
    paths: Sequence[Path], taken: Collection[str], notes: list[str]
) -> dict[Path, str]:
    """Map each legacy file to its run_id: its name without the suffix, where that is unique.

    `taken` are the names of the runs of other logs. Appends to `notes` a sentence for each name
    that several files share.
    """
    same_name = defaultdict(list)
    for path in paths:
        same_name[_stem(path)].append(path)
    names: dict[Path, str] = {}
    for stem, group in same_name.items():
        if len(group) > 1:
            prefixes = _prefixes(group)
            names |= {path: prefix + stem for path, prefix in zip(group, prefixes, strict=True)}
            notes.append(_shared_name_note(stem, prefixes))
        else:
            names[group[0]] = group[0].name if stem in taken else stem
    return names


def _begins(path: Path, longer: Path) -> bool:
    """Return whether the file `longer` begins with all of the file `path`."""
    with path.open("rb") as ours, longer.open("rb") as theirs:
        while piece := ours.read(_PIECE):
            if piece != theirs.read(len(piece)):
                return False
    return True


def _rename(log: Log, names: Mapping[str, str]) -> Log:
    """Return `log` with the runs in `names` under their new names."""
    if not names:
        return log
    run_id = pl.col("run_id").replace(names)
    return replace(
        log,
        runs=log.runs.with_columns(run_id),
        metrics=log.metrics.with_columns(run_id),
        warnings=log.warnings.with_columns(run_id),
    )


def _prefixes(paths: Sequence[Path]) -> list[str]:
    """Return what tells files of one name apart: their folder below the common one, or 'file/'."""
    absolute = [path.absolute() for path in paths]
    root = os.path.commonpath([path.parent for path in absolute])
    folders = [path.parent.relative_to(root).as_posix() for path in absolute]
    count = Counter(folders)
    prefixes = []
    for path, folder in zip(absolute, folders, strict=True):
        parts = [folder] if folder != "." else []
        if count[folder] > 1:
            parts.append(path.name)
        prefixes.append("".join(f"{part}/" for part in parts))
    return prefixes


def _shared_name_note(run_id: str, prefixes: Sequence[str]) -> str:
    """Say that several files hold a run of one name, and what it is called now."""
    first, last = prefixes[0] + run_id, prefixes[-1] + run_id
    return f"{len(prefixes)} files hold a run {run_id}: told apart as {first} … {last}"


def _stem(path: Path) -> str:
    """Return the file name without its suffix; the '.01' of 'decay_0.01' is no suffix."""
    return re.sub(r"\.[A-Za-z]\w*$", "", path.name) or path.name
