"""Reads CSV and TSV files, and refuses those whose quotes or lines do not add up.

Python's strict csv reader is used, because polars takes a quote that nothing closes for text,
swallows the rows that follow, and names no line.
"""

import csv
import io
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from biencoder.data.counts import counted
from biencoder.data.tables.table import Table
from biencoder.errors import CorpusError

NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}

_QUOTED = re.compile(r'"(?:[^"]|"")*"')

Rows = list[tuple[int, list[str]]]


def read(path: Path, text: str, names: Sequence[str]) -> Table:
    """Make a table of a file's text, whose first line is the header unless `names` are given.

    Raises `CorpusError` naming the line at fault.
    """
    lines = list(io.StringIO(text, newline=""))
    first = next((line for line in lines if line.strip()), "")
    delimiter = _delimiter(first, len(names))
    rows = _unquoted_rows(path, lines) if delimiter == "\t" else None
    rows = rows or _quoted_rows(path, lines, delimiter)
    if not rows:
        raise CorpusError(f"{path}: the file is empty")
    given = tuple(names) or tuple(name.strip() for name in rows.pop(0)[1])
    width = len(given)
    for number, cells in rows:
        if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
            del cells[width:]
        if len(cells) != width:
            whose = "--columns names" if names else "the header has"
            raise CorpusError(
                f"{path}, line {number}: {counted(len(cells), 'cell')}, where {whose} {width}; is "
                f"a line torn in the middle, or a {NAMES[delimiter]} in a cell without quotes?"
            )
    first_line = tuple(rows[0][1]) if names else ()
    return Table(path, given, [*rows], has_header=not names, first_line=first_line)


def _delimiter(first: str, width: int) -> str:
    """Tell what separates the cells of the first line: what gives it `width` cells, else a tab,
    else what stands in it most often.
    """
    bare = _QUOTED.sub("", first)

    def fits(delimiter: str) -> tuple[bool, bool, int]:
        count = bare.count(delimiter)
        return count + 1 == width, delimiter == "\t" and count > 0, count

    return max(NAMES, key=fits)


def _unquoted_rows(path: Path, lines: list[str]) -> Rows | None:
    """Read rows without quoting, where each line by itself has all cells; else None.

    Such a file has no cell of several lines, and may have stray quotes. A cell that is quoted as a
    whole is taken out of its quotes. Raises `CorpusError` where quotes make whole rows of several
    lines, too.
    """
    rows = [
        (number, line.rstrip("\r\n").split("\t"))
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]
    if any(len(cells) != len(rows[0][1]) for _, cells in rows):
        return None
    try:
        quoted = _quoted_rows(path, lines, "\t")
    except CorpusError:
        quoted = rows  # stray quotes
    if len(quoted) < len(rows) and {len(cells) for _, cells in quoted} == {len(rows[0][1])}:
        line = next(own[0] for own, other in zip(quoted, rows, strict=False) if own[1] != other[1])
        raise CorpusError(
            f"{path}, line {line}: a quote opens here and closes on a later line, yet each line "
            "has all cells; quote every text, or none"
        )
    return [(number, [_bare(cell) for cell in cells]) for number, cells in rows]


def _bare(cell: str) -> str:
    return cell[1:-1].replace('""', '"') if _QUOTED.fullmatch(cell) else cell


def _quoted_rows(path: Path, lines: list[str], delimiter: str) -> Rows:
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    rows: Rows = []
    start = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append((start, cells))
            start = reader.line_num + 1
    except csv.Error:
        names = rows[0][1] if rows else []
        raise CorpusError(f"{path}, {_fault(lines, start, delimiter, names)}") from None
    return rows


def _fault(lines: list[str], start: int, delimiter: str, names: Sequence[str]) -> str:
    """Say which quote is at fault in the row that begins on line `start`."""
    text = "".join(lines[start - 1 :])
    bare = re.compile(rf'(?!")[^{re.escape(delimiter)}\r\n]*')
    position = column = 0
    while True:
        quoted = _QUOTED.match(text, position)
        cell = quoted or bare.match(text, position)
        if not cell or (quoted and text[cell.end() : cell.end() + 1] not in (delimiter, *"\r\n")):
            break
        position, column = cell.end() + 1, column + 1
    line = start + text.count("\n", 0, position)
    name = names[column].strip() if column < len(names) else str(column + 1)
    place = f"line {line}, column {name!r}: "
    if not quoted:
        return f"{place}a quote opens here and nothing closes it"
    end = line + quoted[0].count("\n")
    if end == line:
        return f"{place}text follows the closing quote; double the quotes inside a quoted cell"
    return f"{place}a quote opens here and does not close before another cell's on line {end}"
