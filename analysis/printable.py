"""Strips control characters from log text, before it reaches a terminal, a file or a picture."""

from collections.abc import Sequence


def printable(text: str) -> str:
    """Replace each control character, line break and lone surrogate in `text` by U+FFFD.

    A terminal would obey a control character, an SVG file may not contain one, and UTF-8 cannot
    encode a lone surrogate. The result is one line.
    """
    unknown = "\N{REPLACEMENT CHARACTER}"
    return "".join(letter if letter.isprintable() else unknown for letter in text)


def short(text: str, characters: int) -> str:
    """Strip control characters from text and leave out its middle where it is too long."""
    text = printable(text)
    if len(text) <= characters:
        return text
    return f"{text[: characters // 2 - 1]}…{text[-(characters - characters // 2) :]}"


def some(names: Sequence[str]) -> str:
    """Name the first three, stripped of control characters, and count the others."""
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return ", ".join(map(printable, names[:3])) + more
