"""Makes raw pairs of a table's rows: a pair, or why it is none."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import polars as pl

from biencoder.data.raw_pairs import NOT_TOLD, frame, why_none
from biencoder.data.tables import columns, labels, splits
from biencoder.data.tables.table import Table
from biencoder.data.texts import is_argument, text_key

#: Why a raw pair is none, beside what `why_none` says.
DUPLICATE = "duplicate"

#: What a cell may hold to be read as a text.
Scalar = str | int | float | None

#: How a list of texts or of objects is written by Python, as pandas does in a CSV file.
_PYTHON_LIST = re.compile(r"""\[\s*['"{].*(['"}]|None|nan)\s*\]""", re.DOTALL)

_INTEGER = re.compile(r"(\d{1,18})(?:\.0+)?")


class Row(NamedTuple):
    """A raw pair, see `RawPairs.rows`; the split is None where it is to be made, the
    number a text, or None where there is none.
    """

    split: str | None
    domain: str
    title: str
    stance: str
    number: str | None
    point: str | None
    counter: str | None
    reason: str | None


class NoText(ValueError):
    """A value that is no text."""


def read(table: Table, found: dict[str, int], split: str | None) -> Iterator[Row]:
    """Yield one row per raw pair; `found` are the columns, `split` is what the file's name says.

    Raises `CorpusError` naming the cell at fault.
    """
    _check_not_merged(table, found)
    for number, cells in table.rows:
        row = _TableRow(table, number, cells, found)
        point = text(row.value("point", "one text"), of_argument=True)
        own_split = split or row.split()
        label = row.label()
        told = (row.told("domain"), row.told("debate"), row.told("stance").lower())
        name = row.name("number") or row.name("id")
        for element in row.counters():
            counter = text(element, of_argument=True)
            reason = why_none(point, counter, label)
            yield Row(own_split, *told, name, point, counter, reason)


def text(cell: Any, *, of_argument: bool = False) -> str | None:
    """Return a cell as text without outer white space, None where it is missing.

    Arguments are missing, too, where a cell says so in words. Raises `NoText`.
    """
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    if not isinstance(cell, Scalar):
        raise NoText(type(cell).__name__)
    found = str(cell).strip()
    if of_argument and not is_argument(found):
        return None
    return found or None


def cell_text(
    table: Table,
    number: int,
    cells: list[Any],
    column: int,
    expected: str = "a text or a number",
    *,
    of_argument: bool = False,
) -> str | None:
    """Read a cell of row `number` as `text` does. Raises `CorpusError` that names the cell."""
    try:
        return text(cells[column], of_argument=of_argument)
    except NoText as kind:
        raise table.fault(f"a {kind} where {expected} is expected", number, column) from None


def to_frame(rows: Iterable[Row], *, numbered: bool) -> tuple[pl.DataFrame, str]:
    """Make `RawPairs.rows` of rows: without duplicates, with splits and with names of their own.

    Returns the frame and a sentence on the splits that were made, '' where none were. Of pairs that
    are `numbered` a duplicate has the same number, debate, stance and domain, too: whole debates
    may be filed in several places.
    """
    found = _without_duplicates(rows, numbered)
    is_pair = [row.reason is None for row in found]
    pairs = [row for row in found if row.reason is None]
    made = ""
    if any(row.split is None for row in pairs):
        names, made = splits.made(
            [row.title for row in pairs],
            [row.point or "" for row in pairs],
            [row.counter or "" for row in pairs],
        )
        pairs = [row._replace(split=name) for row, name in zip(pairs, names, strict=True)]
    numbers = _numbers(pairs, numbered)
    named = iter((*row[:4], number, *row[5:]) for row, number in zip(pairs, numbers, strict=True))
    # What is no pair is counted in training where nothing says a split.
    tuples = [
        next(named) if good else (row.split or "training", *row[1:4], None, *row[5:])
        for row, good in zip(found, is_pair, strict=True)
    ]
    is_text = any(isinstance(number, str) for number in numbers)
    return frame(tuples, pl.String if is_text else pl.Int64), made


class _TableRow(NamedTuple):
    """A row of a table, whose cells are asked for by the role of their column."""

    table: Table
    number: int
    cells: list[Any]
    found: dict[str, int]

    def value(self, role: str, expected: str = "a text or a number") -> Any:
        """Return the cell of a role, None where there is no such column."""
        if role not in self.found:
            return None
        column = self.found[role]
        cell_text(self.table, self.number, self.cells, column, expected)
        return self.cells[column]

    def name(self, role: str) -> str | None:
        return text(self.value(role))

    def told(self, role: str) -> str:
        return self.name(role) or NOT_TOLD

    def split(self) -> str | None:
        if "split" not in self.found:
            return None
        value = self.name("split")
        known = splits.of_word(value or "")
        if not known:
            shown = "empty" if value is None else repr(value)
            column = self.table.names[self.found["split"]]
            raise self._fault(
                "split",
                f"{shown}, where train, dev (or validation) or test is expected; if it is no "
                f"split: --columns=_={column}",
            )
        return known

    def label(self) -> str | None:
        if "label" not in self.found:
            return None
        value = self.value("label")
        column = self.table.names[self.found["label"]]
        try:
            return labels.reason(value, columns.normalised(column))
        except labels.UnknownLabel:
            shown = "empty" if text(value) is None else repr(value)
            raise self._fault(
                "label",
                f"{shown} says neither that it is a counter-argument "
                f"({', '.join(labels.COUNTERS)}) nor that it is none "
                f"({', '.join(labels.NO_COUNTERS)}, not_…); if it judges no pairs: "
                f"--columns=_={column}",
            ) from None

    def counters(self) -> list[Any]:
        """List the counters of the row's cell: one text, or a list of texts or of objects."""
        cell = self.cells[self.found["counter"]]
        if isinstance(cell, str) and cell.strip()[:1] == "[":
            cell = self._list(cell.strip())
        elements = cell or [None] if isinstance(cell, list) else [cell]
        counters = []
        for element in elements:
            counters.append(element.get("text") if _has_text(element) else element)
            try:
                if isinstance(cell, list) and not isinstance(counters[-1], str | None):
                    raise NoText(type(element).__name__)  # such as the number of a token
                text(counters[-1])
            except NoText as kind:
                raise self._fault(
                    "counter", f"a {kind} where a text or an object with 'text' is expected"
                ) from None
        return counters

    def _list(self, cell: str) -> Any:
        """Read a list that is written in a cell; a text that only looks like one, such as a list
        of numbers, stays as it is.
        """
        try:
            read = json.loads(cell)
            return read if not read or any(isinstance(e, str | dict) for e in read) else cell
        except (ValueError, RecursionError):
            if _PYTHON_LIST.fullmatch(cell):
                raise self._fault(
                    "counter", 'not a JSON list; write one row per counter, or ["…", "…"]'
                ) from None
            return cell

    def _fault(self, role: str, message: str) -> Exception:
        return self.table.fault(message, self.number, self.found[role])


def _has_text(element: Any) -> bool:
    return isinstance(element, dict) and "text" in element


def _check_not_merged(table: Table, found: dict[str, int]) -> None:
    """Refuse a table most of whose points are missing. Raises `CorpusError`."""
    column = found["point"]
    empty = [
        number
        for number, cells in table.rows
        if isinstance(cells[column], Scalar) and text(cells[column], of_argument=True) is None
    ]
    if 2 * len(empty) > len(table.rows):
        raise table.fault(
            f"empty, as in {len(empty)} of {len(table.rows)} rows; were cells merged in a "
            "spreadsheet? Fill them down first",
            empty[0],
            column,
        )


def _without_duplicates(rows: Iterable[Row], numbered: bool) -> list[Row]:
    known: set[tuple[Any, ...]] = set()
    found = []
    for row in rows:
        if row.reason is None:
            texts = text_key(row.point or ""), text_key(row.counter or "")
            key = (*row[:5], *texts) if numbered else (row.split, *texts)
            if key in known:
                row = row._replace(reason=DUPLICATE)
            known.add(key)
        found.append(row)
    return found


def _numbers(pairs: list[Row], numbered: bool) -> list[int] | list[str]:
    """Give each pair a number, or a name, that no other of its split, debate and stance has."""
    if all(row.number is None for row in pairs):
        return list(range(1, len(pairs) + 1))
    integers = [_INTEGER.fullmatch(row.number or "") for row in pairs]
    if numbered and all(integers):
        numbers = [int(match[1]) for match in integers if match]
        if len({(*row[:4], number) for row, number in zip(pairs, numbers, strict=True)}) == len(
            pairs
        ):
            return numbers
    used: set[tuple[Any, ...]] = set()
    copies: Counter[tuple[Any, ...]] = Counter()
    names = []
    for place, row in enumerate(pairs, start=1):
        name = base = row.number or f"row {place}"
        while (*row[:4], name) in used:
            copies[*row[:4], base] += 1
            name = f"{base}.{copies[*row[:4], base] + 1}"
        used.add((*row[:4], name))
        names.append(name)
    return names
