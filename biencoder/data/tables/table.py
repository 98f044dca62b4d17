"""What a file of rows holds, as written in it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biencoder.errors import CorpusError


@dataclass(frozen=True)
class Table:
    """The cells of a file: `rows` has (number of the line or row, cells), each as long as `names`.

    A cell is a text, or in JSON lines and Parquet whatever value these hold.
    """

    path: Path
    names: tuple[str, ...]
    rows: list[tuple[int, list[Any]]]
    #: What the numbers count, from 1: physical lines, or rows.
    unit: str = "line"
    #: Whether the names are what the file's first line holds.
    has_header: bool = False
    #: The first row of data where `--columns` gave the names, to see whether it is a header.
    first_line: tuple[str, ...] = ()

    def fault(self, message: str, row: int | None = None, column: int | None = None) -> CorpusError:
        """Make an error that names the place: 'pairs.csv, line 3, column 'Argument': …'."""
        place = "" if row is None else f", {self.unit} {row}"
        if column is not None:
            place += f", column {self.names[column]!r}"
        return CorpusError(f"{self.path}{place}: {message}")
