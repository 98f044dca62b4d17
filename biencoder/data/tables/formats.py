"""Reads a file of rows, whatever its format, into cells as they are written.

CSV and TSV are read by `delimited`, Parquet by polars. JSON lines are read line by line, because
polars types a column by its first rows and so loses or refuses what comes later.
"""

import gzip
import io
import json
import re
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from biencoder.data.tables import delimited
from biencoder.data.tables.table import Table
from biencoder.errors import CorpusError

_SUFFIX = re.compile(r"\.(csv|tsv|jsonl|ndjson|json|parquet)(\.gz)?$", re.IGNORECASE)


def is_table(path: Path) -> bool:
    """Test whether a file's name is that of a table."""
    return bool(_SUFFIX.search(path.name)) and not path.name.startswith(".")


def stem(path: Path) -> str:
    """Return a table's name without its suffixes: 'train' of train.csv.gz."""
    return _SUFFIX.sub("", path.name)


def read(path: Path, names: Sequence[str] = ()) -> Table:
    """Read a table; `names` are the columns of a CSV or TSV file without a header.

    Raises `CorpusError` naming file, line and column of what cannot be read rightly.
    """
    suffix = _SUFFIX.search(path.name)
    if not suffix:
        raise CorpusError(
            f"{path}: not a table file; .csv, .tsv, .jsonl and .parquet are read, and .gz of "
            "them; save a spreadsheet as CSV"
        )
    kind = suffix[1].lower()
    if names and kind not in ("csv", "tsv"):
        raise CorpusError(f"{path}: its columns have names already: write --columns=point=NAME,…")
    data = _bytes(path, zipped=bool(suffix[2]))
    if kind == "parquet":
        return _parquet(path, data)
    text = _decoded(path, data)
    if kind in ("csv", "tsv"):
        return delimited.read(path, text, names)
    return json_lines(path, text)


def _bytes(path: Path, *, zipped: bool) -> bytes:
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if zipped else data
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise CorpusError(f"{path}: a truncated or damaged gzip file; fetch it again") from None
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read ({error.strerror})") from None
    if data.startswith(b"version https://git-lfs"):
        raise CorpusError(f"{path}: a pointer to git-lfs, not the file; run git lfs pull")
    if not data.strip():
        raise CorpusError(f"{path}: the file is empty")
    return data


def _decoded(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        hint = "it looks like UTF-16: iconv -f UTF-16 -t UTF-8" if wide else "convert it with iconv"
        raise CorpusError(
            f"{path}, line {line}: not UTF-8 at byte {error.start} of the file; {hint}"
        ) from None


def json_lines(path: Path, text: str) -> Table:
    """Read one object per line; only `\\n` ends a line, since texts may hold U+2028 and the like.

    Raises `CorpusError` naming the line.
    """
    objects = [
        (number, _object(path, number, line))
        for number, line in enumerate(text.split("\n"), start=1)
        if line.strip()
    ]
    names = tuple(dict.fromkeys(name for _, found in objects for name in found))
    return Table(path, names, [(number, [o.get(name) for name in names]) for number, o in objects])


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line, object_pairs_hook=_named_once)
        if "\\u" in line:
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise CorpusError(f"{path}, line {number}: holds half of a character (\\ud800…)") from None
    except (ValueError, RecursionError) as error:
        message, column = getattr(error, "msg", error), getattr(error, "colno", 1)
        hint = (
            "; a JSON array? Write one object per line: jq -c '.[]' FILE" if line[0] == "[" else ""
        )
        raise CorpusError(
            f"{path}, line {number}, character {column}: not a JSON object in one line "
            f"({message}){hint}"
        ) from None
    if not isinstance(value, dict):
        raise CorpusError(
            f"{path}, line {number}: a {type(value).__name__} where an object with named texts is "
            "expected; write one object per line, as jq -c '.[]' does of an array"
        )
    return value


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a JSON object of its pairs, of which json would keep the last of a name in silence."""
    value: dict[str, Any] = {}
    for name, content in pairs:
        if name in value:
            raise ValueError(f"{name!r} stands twice in an object")
        value[name] = content
    return value


def _parquet(path: Path, data: bytes) -> Table:
    try:
        frame = pl.read_parquet(io.BytesIO(data))
        rows = [(number, [*row]) for number, row in enumerate(frame.iter_rows(), start=1)]
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        reason = str(error).split("\n")[0]
        raise CorpusError(
            f"{path}: a truncated or damaged Parquet file ({reason}); fetch it again"
        ) from None
    return Table(path, tuple(frame.columns), rows, unit="row")
