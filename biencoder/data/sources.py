"""Reads texts to search: a table with a `text` column, a folder of .txt files, or a corpus.

A table is CSV, TSV, JSONL or Parquet; its column `id`, or `_id`, names the texts, else they are
numbered from 1. Of a corpus all counters and points are read, those of leaked pairs, too: what must
not be trained on may well be an answer.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from biencoder.data import corpus, layouts
from biencoder.errors import CorpusError

#: The columns that are read; of the second kind the first that a row has.
TEXT, IDS = "text", ("id", "_id")


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
    if source is None or columns or layouts.is_corpus(source):
        return _of_pairs(source, columns)
    if source.is_file():
        return table(source)
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
    rows = [{"id": path.relative_to(source).as_posix(), TEXT: _read(path)} for path in files]
    return _of_rows(rows, str(source))


def table(path: Path) -> Texts:
    """Read the column `text` of a table, and its names. Raises `CorpusError`."""
    kind = path.suffix.lower()
    try:
        if kind in (".jsonl", ".ndjson"):
            with path.open(encoding="utf-8-sig") as lines:
                return json_lines(lines, str(path))
        if kind == ".parquet":
            frame = pl.read_parquet(path)
        elif kind in (".csv", ".tsv"):
            separator = "\t" if kind == ".tsv" else ","
            frame = pl.read_csv(path, separator=separator, infer_schema=False)
        else:
            raise CorpusError(f"{path}: no table; one ends in .csv, .tsv, .jsonl or .parquet")
        if TEXT in frame.columns:
            frame = frame.select(column for column in (TEXT, *IDS) if column in frame.columns)
        return _of_rows(frame.rows(named=True), str(path))
    except (OSError, UnicodeDecodeError, pl.exceptions.PolarsError) as error:
        raise CorpusError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from None


def json_lines(lines: Iterable[str], name: str) -> Texts:
    """Read lines of JSON, an object with `text` each; `name` says whose they are in messages.

    Raises `CorpusError` with the number of the line.
    """
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise CorpusError(f'{name}: line {number} is no JSON object like {{"text": "…"}}')
        rows.append(row)
    return _of_rows(rows, name)


def _of_rows(rows: list[dict[str, Any]], name: str) -> Texts:
    """Take text and name of each row; rows without a text are left out, and keep their number."""
    ids, texts = [], []
    for number, row in enumerate(rows, start=1):
        text = row.get(TEXT)
        if isinstance(text, str) and text.strip():
            ids.append(str(next((row[key] for key in IDS if row.get(key) is not None), number)))
            texts.append(text.strip())
            if not _is_unicode(ids[-1] + text):
                raise CorpusError(f"{name}: row {number} holds half a character (a surrogate)")
    if not texts:
        found = ", ".join(rows[0]) if rows else "none"
        raise CorpusError(
            f"{name}: holds no text; a table has it in a column {TEXT} (here: {found})"
        )
    return Texts(ids, texts)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path}: not UTF-8 at byte {error.start}; convert it") from None
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read ({error.strerror})") from None


def _of_pairs(source: Path | None, columns: str | None) -> Texts:
    ids: list[str] = []
    texts: list[str] = []
    for split in corpus.load(source, "keep", columns).splits:
        ids += [f"{split.name}/{name}" for name in split.candidate_names]
        texts += [*split.pairs["counter"], *split.pairs["point"]]
    return Texts(ids, texts)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
