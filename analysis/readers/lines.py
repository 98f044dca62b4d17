"""A line of a log, and why one is not read."""

from typing import NamedTuple


class Line(NamedTuple):
    """A line that is not blank."""

    number: int  # counted from 1
    text: bytes


class Rejection(NamedTuple):
    """Why a line is not read."""

    line: int
    reason: str
