"""What the reader of any layout hands over: the pairs as they lie there, and why some are none."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

from biencoder.data.texts import text_key

#: Split → what its file is called.
FILE_NAMES = {"training": "train", "validation": "dev", "test": "test"}

SPLITS = tuple(FILE_NAMES)

#: Stands for a domain, a debate title or a stance that the corpus does not tell.
NOT_TOLD = "-"

# Why a raw pair is none: the reasons that readers of all layouts share.
POINT_MISSING, COUNTER_MISSING = "point missing", "counter missing"
EQUAL = "point equals counter"

#: The four parts of a pair's name.
PAIR_KEY = ["domain", "title", "stance", "number"]


@dataclass(frozen=True)
class RawPairs:
    """The raw pairs of a corpus: those that are kept, and what is dropped.

    `rows` has one row per raw pair: split, domain, title, stance (`NOT_TOLD` where it is not),
    number (int, or text where the corpus has ids), point and counter (texts stripped of outer white
    space, null where missing), reason (why it is no pair; null: it is one). Pairs of one split
    differ in domain, title, stance or number. A split may have no row.
    """

    rows: pl.DataFrame
    #: Split → reason → how many files that look like arguments were not read.
    unread: dict[str, dict[str, int]] = field(default_factory=dict)
    #: Sentences for the person who brought the corpus: what was not used, what was decided.
    notes: tuple[str, ...] = ()
    #: Split → where it was looked for in vain, for each that has no pair.
    absent: dict[str, str] = field(default_factory=dict)


def why_none(point: str | None, counter: str | None, label: str | None = None) -> str | None:
    """Say why two texts and their label are no pair; None: they are one."""
    if point is None or counter is None:
        return POINT_MISSING if point is None else COUNTER_MISSING
    return label or (EQUAL if text_key(point) == text_key(counter) else None)


def part_of_name(part: str | int) -> str:
    """Write a part of a pair's name: a number of two digits at least, a text without '/'."""
    return part.replace("/", "%2F") if isinstance(part, str) else f"{part:02}"


def frame(rows: Sequence[tuple[object, ...]], number: type[pl.DataType]) -> pl.DataFrame:
    """Make `RawPairs.rows` of tuples, whose number is of the given type."""
    names = ["split", *PAIR_KEY, "point", "counter", "reason"]
    schema = dict.fromkeys(names, pl.String) | {"number": number}
    return pl.DataFrame(rows, schema=schema, orient="row")
