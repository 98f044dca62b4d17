"""Reads texts to search or to ask: a table, a folder of .txt files, or a corpus.

A table is CSV, TSV, JSONL or Parquet and has the texts in a column `text`, or in one that is named
like a point. Its column `id`, or `_id`, names them, else they are numbered from 1. Of a corpus the
points and counters of all pairs are read, those of leaked pairs, too: what must not be trained on
may well be an answer. What is no pair there is counted on standard error.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from biencoder.data import corpus, layouts
from biencoder.data.counts import counted
from biencoder.data.tables import formats, pairs
from biencoder.data.tables.columns import POINT, has_pairs, normalised
from biencoder.data.tables.table import Table
from biencoder.data.texts import is_argument, read_text
from biencoder.errors import CorpusError
from biencoder.runtime.console import note

#: The column of texts, before those named like a point, and that of names; `_id` is one, too.
TEXT, ID = "text", "id"


@dataclass(frozen=True)
class Texts:
    """Texts, each with the name that its source gives it, in the source's order."""

    ids: list[str]
    texts: list[str]

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def digest(self) -> str:
        """Hash all names and texts, 16 hexadecimal digits."""
        content = hashlib.blake2b(digest_size=8)
        for pair in zip(self.ids, self.texts, strict=True):
            content.update(json.dumps(pair).encode())
        return content.hexdigest()


def load(source: Path | None, columns: str | None = None) -> Texts:
    """Read the texts of `source`; None reads the sample corpus. Raises `CorpusError`.

    A table of pairs is a corpus, too; `columns` is `--columns`.
    """
    if source is None or columns or layouts.is_folder_of_pairs(source):
        return _of_pairs(source, columns)
    if source.is_file():
        found = formats.read(source)
        return _of_pairs(source, None) if has_pairs(found) else _of_table(found)
    if not source.is_dir():
        raise CorpusError(f"{source}: no such file or folder")
    files = sorted(
        path
        for path in source.rglob("*.txt")
        if path.is_file() and not any(part[0] == "." for part in path.relative_to(source).parts)
    )
    if not files:
        raise CorpusError(
            f"{source}: nothing to search; name a table with a text column, a folder of .txt "
            "files, or a corpus with training/, validation/ and test/"
        )
    rows = [[path.relative_to(source).as_posix(), read_text(path)] for path in files]
    return _of_table(Table(source, (ID, TEXT), [*enumerate(rows, start=1)]))


def table(path: Path) -> Texts:
    """Read the texts of a table, and their names. Raises `CorpusError`."""
    return _of_table(formats.read(path))


def json_lines(text: str, name: str) -> Texts:
    """Read lines of JSON, an object with `text` each; `name` says whose they are in messages.

    Raises `CorpusError` with the number of the line.
    """
    return _of_table(formats.json_lines(Path(name), text))


def _of_table(found: Table) -> Texts:
    """Take text and name of each row; rows without a text are left out, and keep their number."""
    names = [normalised(name) for name in found.names]
    of_text = [place for place, name in enumerate(names) if name == TEXT]
    of_text = of_text or [place for place, name in enumerate(names) if name in POINT]
    if len(of_text) > 1:
        several = " and ".join(repr(found.names[place]) for place in of_text)
        raise CorpusError(f"{found.path}: {several} could each be the text; rename all but one")
    of_name = names.index(ID) if ID in names else None
    ids, texts = [], []
    for number, (line, cells) in enumerate(found.rows if of_text else (), start=1):
        text = cells[of_text[0]]
        if isinstance(text, str) and is_argument(text.strip()):
            name = None if of_name is None else pairs.cell_text(found, line, cells, of_name)
            ids.append(name or str(number))
            texts.append(text.strip())
    if not texts:
        raise CorpusError(
            f"{found.path}: holds no text; a table has it in a column {TEXT} "
            f"(here: {', '.join(found.names) or 'none'})"
        )
    if left_out := len(found.rows) - len(texts):
        note(f"{found.path}: left out {counted(left_out, 'row')} without a text")
    return Texts(ids, texts)


def _of_pairs(source: Path | None, columns: str | None) -> Texts:
    ids: list[str] = []
    texts: list[str] = []
    data = corpus.load(source, "keep", columns)
    for line in corpus.passed_over(data):
        note(line)
    for split in data.splits:
        ids += [f"{split.name}/{name}" for name in split.candidate_names]
        texts += [*split.pairs["counter"], *split.pairs["point"]]
    return Texts(ids, texts)
