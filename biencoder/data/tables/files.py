"""Reads one table, or a folder that holds one file per split."""

import re
from collections.abc import Mapping
from pathlib import Path

from biencoder.data.counts import counted
from biencoder.data.raw_pairs import SPLITS, RawPairs
from biencoder.data.tables import columns, formats, pairs, splits
from biencoder.data.tables.columns import Choice
from biencoder.data.tables.pairs import Row
from biencoder.data.tables.table import Table
from biencoder.errors import CorpusError

_SHARD = re.compile(r"-(\d{5})-of-(\d{5})$")


def read_file(path: Path, chosen: Choice) -> RawPairs:
    """Read a table whose rows say their split, or none does. Raises `CorpusError`."""
    absent = {name: f"{path}: no row of split {name}" for name in SPLITS}
    return _read({path: None}, path, chosen, absent)


def read_folder(folder: Path, chosen: Choice) -> RawPairs:
    """Read a folder of one file per split, see `by_split`. Raises `CorpusError`."""
    found = by_split(folder)
    for name, paths in found.items():
        _check_shards(name, paths)
    named = {path: name for name, paths in found.items() for path in paths}
    absent = splits.absent(next(iter(named)))
    absent |= {name: f"{paths[0]}: holds no pair" for name, paths in found.items()}
    return _read(named, folder, chosen, absent)


def by_split(folder: Path) -> dict[str, list[Path]]:
    """Find the tables in a folder, or in its data/, whose name begins with a split's word."""
    found: dict[str, list[Path]] = {}
    for place in (folder, folder / "data"):
        for path in sorted(place.iterdir()) if place.is_dir() and not found else ():
            name = splits.of_word(path.name)
            if name and path.is_file() and formats.is_table(path):
                found.setdefault(name, []).append(path)
    return found


def _check_shards(name: str, paths: list[Path]) -> None:
    """Refuse two files of one split, but for the numbered parts of one, which must be whole."""
    shards = [_SHARD.search(formats.stem(path)) for path in paths]
    if len(paths) > 1 and not all(shards):
        first, second = paths[:2]
        raise CorpusError(f"{first} and {second.name} are both of split {name}; keep one of them")
    count = int(shards[0][2]) if shards[0] else 1
    if len(paths) != count:
        raise CorpusError(
            f"{paths[0]}: one of {count} parts, of which {len(paths)} are there; fetch the others"
        )


def _read(
    paths: Mapping[Path, str | None], place: Path, chosen: Choice, absent: dict[str, str]
) -> RawPairs:
    rows: list[Row] = []
    notes: dict[str, None] = {}
    numbered = True
    for path, split in paths.items():
        table = formats.read(path, chosen.names)
        found = columns.find(table, chosen)
        if split:  # which the file's name says
            found.pop("split", None)
        numbered = numbered and "number" in found
        rows += pairs.read(table, found, split)
        notes |= dict.fromkeys(_notes(table, found))
    frame, made = pairs.to_frame(rows, numbered=numbered)
    if made:
        notes[made] = None
        absent = dict.fromkeys(SPLITS, f"{place}: {made}")
    return RawPairs(frame, absent=absent, notes=tuple(notes))


def _notes(table: Table, found: dict[str, int]) -> list[str]:
    """Say which columns are used for what, and which are not."""
    used = ", ".join(f"{role} {table.names[place]!r}" for role, place in found.items())
    notes = [f"columns: {used}"]
    negatives, others = columns.unused(table, found)
    for name in negatives:
        place = table.names.index(name)
        count = sum(bool(row[place]) for _, row in table.rows)
        cells = f"{counted(count, 'cell')} of {name!r} {'is' if count == 1 else 'are'} not used"
        notes.append(f"{table.path.name}: {cells}, since training mines its own negatives")
    if others:
        notes.append(f"columns that are not used: {', '.join(map(repr, others))}")
    return notes
