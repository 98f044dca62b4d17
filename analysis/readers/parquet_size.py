"""Estimates how much memory a Parquet file takes when it is read, from its footer alone.

A megabyte of Parquet may decode to many gigabytes, and where memory ends polars ends the process.
The footer is a struct in Thrift's compact protocol: see `FileMetaData` in Parquet's
parquet.thrift, and thrift-compact-protocol.md in Apache Thrift.
"""

from collections.abc import Iterator
from typing import Any

#: Memory beside a value's own bytes: polars' view of a text, or the offsets of a list.
_BYTES_A_VALUE = 16

#: Fields of the structs on the way to a column's figures, and these.
_ROW_GROUPS, _COLUMNS, _META_DATA, _VALUES, _UNCOMPRESSED = 4, 1, 3, 5, 6


def size_in_memory(data: bytes) -> int:
    """Estimate the bytes that a Parquet file's columns take. Raises `ValueError` for other files.

    It protects against files that decode to far more than their size, not against a forged footer.
    """
    try:
        if data[:4] != b"PAR1" or data[-4:] != b"PAR1":
            raise ValueError("not a Parquet file")
        size = int.from_bytes(data[-8:-4], "little")
        footer = _struct(iter(data[-8 - size : -8]))
        columns = [column for group in footer[_ROW_GROUPS] for column in group[_COLUMNS]]
        told = [column[_META_DATA] for column in columns]
        return sum(meta[_UNCOMPRESSED] + _BYTES_A_VALUE * meta[_VALUES] for meta in told)
    except (StopIteration, LookupError, TypeError, RecursionError):
        raise ValueError("not a whole Parquet file") from None


def _struct(data: Iterator[int]) -> dict[int, Any]:
    """Read a struct: number of the field → its value."""
    fields: dict[int, Any] = {}
    number = 0
    while head := next(data):
        number = number + (head >> 4) if head >> 4 else _integer(data)
        fields[number] = _value(data, head & 15)
    return fields


def _value(data: Iterator[int], kind: int) -> Any:
    """Read a value; of texts and doubles, which are not needed, only the length."""
    if kind in (1, 2):  # true and false, told by the kind itself
        return kind == 1
    if kind == 3:
        return next(data)
    if kind in (4, 5, 6):
        return _integer(data)
    if kind in (7, 8):
        length = 8 if kind == 7 else _unsigned(data)
        return sum(1 for _ in zip(range(length), data, strict=False))
    if kind in (9, 10):
        head = next(data)
        length = _unsigned(data) if head >> 4 == 15 else head >> 4
        # A boolean in a list has a byte of its own, unlike one in a struct.
        kind = 3 if head & 15 in (1, 2) else head & 15
        return [_value(data, kind) for _ in range(length)]
    if kind == 12:
        return _struct(data)
    raise ValueError("not a whole Parquet file")


def _integer(data: Iterator[int]) -> int:
    """Read a signed integer, zigzag-coded."""
    value = _unsigned(data)
    return (value >> 1) ^ -(value & 1)


def _unsigned(data: Iterator[int]) -> int:
    """Read an integer of seven bits a byte, the lowest first."""
    value = shift = 0
    while (byte := next(data)) > 127:
        value |= (byte & 127) << shift
        shift += 7
    return value | byte << shift
