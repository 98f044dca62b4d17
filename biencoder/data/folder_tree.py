"""Reads a folder tree of arguments, the layout of the ArguAna Counterargs corpus.

`<root>/{training,validation,test}/<domain>/<debate title>/{pro,con}/<stance><NN>` + `a-point.txt`
or `b-counter.txt` (Wachsmuth, Syed, Stein, ACL 2018). Anything else in the tree is passed over;
what looks like an argument there is counted. `-` is a domain, title or stance that is not told.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from biencoder.data.counts import reasons
from biencoder.data.raw_pairs import SPLITS, RawPairs, frame, why_none
from biencoder.data.texts import is_argument, read_text
from biencoder.errors import CorpusError

Key = tuple[str, str, str, int]

_FILE_NAME = re.compile(r"(pro|con|-)([0-9]{1,18})(?:(a)-point|(b)-counter)\.txt")

#: What a person takes for the name of an argument.
_LIKE_AN_ARGUMENT = re.compile(
    r"(pro|con)[\W_]*[0-9]+[\W_]*[ab]?[\W_]*(point|counter)[\W_]*\.txt", re.IGNORECASE
)

# Why a file that looks like an argument is not read.
LINK = "symbolic link"
HIDDEN = "in a hidden folder"
MISPLACED = "not in <domain>/<debate title>/pro or con"
MISNAMED = "not named like pro01a-point.txt"


def read(root: Path) -> RawPairs:
    """Read the three splits below `root`. Raises `CorpusError` naming the path at fault."""
    _check_root(root)
    rows: list[tuple[object, ...]] = []
    unread = {}
    for split in SPLITS:
        found, unread[split] = _read_split(root / split)
        rows += [(split, *row) for row in found]
    return RawPairs(frame(rows, pl.Int64), unread)


def is_tree(root: Path) -> bool:
    """Test whether a folder has one of the splits as a folder."""
    return any((root / name).is_dir() for name in SPLITS)


def _check_root(root: Path) -> None:
    missing = [name for name in SPLITS if not (root / name).is_dir()]
    if missing:
        inner = [path for path in sorted(root.iterdir()) if is_tree(path)]
        hint = f"; did you mean {inner[0]}?" if inner else ""
        if missing == [*SPLITS] and not inner:
            raise CorpusError(
                f"{root}: no corpus there: neither tables named train, dev and test, nor qrels/, "
                "nor training/, validation/ and test/"
            )
        raise CorpusError(
            f"{root}: the folder {missing[0]}/ is missing; a corpus holds "
            f"training/, validation/ and test/{hint}"
        )


def _read_split(folder: Path) -> tuple[Sequence[tuple[object, ...]], dict[str, int]]:
    """Read a split: (domain, title, stance, number, point, counter, reason), files left unread."""
    unread: Counter[str] = Counter()
    paths: dict[Key, dict[str, Path]] = {}
    for key, role, path in _argument_files(folder, unread):
        roles = paths.setdefault(key, {})
        if role in roles:
            first, second = sorted(map(str, (path, roles[role])))
            raise CorpusError(f"{second}: has the same id as {first}; rename or remove one of them")
        roles[role] = path
    if not paths:
        raise CorpusError(
            f"{folder}: no argument found; files lie in <domain>/<debate title>/pro or con "
            "and are named like pro01a-point.txt and pro01b-counter.txt"
            + (f" (not read: {reasons(unread)})" if unread else "")
        )
    rows = [(*key, *_texts(roles)) for key, roles in sorted(paths.items())]
    if not any(reason is None for *_, reason in rows):
        raise CorpusError(f"{folder}: no point has its counter beside it")
    return rows, dict(unread)


def _texts(roles: dict[str, Path]) -> tuple[str | None, str | None, str | None]:
    """Read a pair's files: point, counter, and the reason why they are no pair, if any."""
    texts = {role: read_text(path) for role, path in roles.items()}
    point, counter = (
        text if is_argument(text := texts.get(role, "")) else None for role in ("point", "counter")
    )
    return point, counter, why_none(point, counter)


def _argument_files(folder: Path, unread: Counter[str]) -> Iterator[tuple[Key, str, Path]]:
    """Yield (key, role, path) of every argument file of a split; count what looks like one."""
    for path, fault in _files(folder, folder, unread):
        parts = path.relative_to(folder).parts
        match = _FILE_NAME.fullmatch(path.name)
        if fault is None and match and len(parts) == 4 and parts[2] == match[1]:
            key = (parts[0].strip(), parts[1].strip(), match[1], int(match[2]))
            yield key, "point" if match[3] else "counter", path
        elif _LIKE_AN_ARGUMENT.fullmatch(path.name):
            unread[fault or (MISPLACED if match else MISNAMED)] += 1


def _files(folder: Path, split: Path, unread: Counter[str]) -> Iterator[tuple[Path, str | None]]:
    """Yield every file below a folder, by name, and why it must not be read.

    Links are not followed, since they may loop or leave the corpus; one to a folder is counted.
    """
    hidden = any(part.startswith(".") for part in folder.relative_to(split).parts)
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise CorpusError(f"{folder}: cannot be read ({error.strerror})") from None
    for entry in found:
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _files(path, split, unread)
        elif entry.is_symlink() and entry.is_dir():
            unread[LINK] += 1
        else:
            yield path, LINK if entry.is_symlink() else HIDDEN if hidden else None
