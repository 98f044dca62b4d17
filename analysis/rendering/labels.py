"""Shortens and breaks the names that stand in a picture, and counts points and other things."""

from collections.abc import Sequence

from analysis.printable import short


def point_count(n: Sequence[float]) -> str:
    """Write a number of points, or the least and the most where configurations differ.

    A mean over runs is rounded to whole points.
    """
    return "–".join(f"{end:,}" for end in sorted({round(min(n)), round(max(n))}))


def wrapped(text: str, characters: int) -> str:
    """Shorten text to up to two lines, broken after its first comma."""
    first, comma, rest = text.partition(", ")
    lines = [first + comma.rstrip(), rest] if comma else [first]
    return "\n".join(short(line, characters) for line in lines)


def counted(number: int, one: str, many: str | None = None) -> str:
    """Write a number of things, '1 run' or '2 runs'; `many` is the plural that is no -s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
