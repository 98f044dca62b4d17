"""Says which rows somebody has judged to be no counter-argument."""

import re

#: Judgements of a label, relation or score that make a pair, and those that make none.
COUNTERS = ("1", "true", "attack", "counter", "con")
NO_COUNTERS = ("0", "false", "support", "pro", "unrelated", "neutral")


class UnknownLabel(ValueError):
    """A judgement that is neither."""


def reason(cell: object, column: str) -> str | None:
    """Return why a row is no pair by its label; None: it is one. Raises `UnknownLabel`."""
    written = re.sub(r"\W+", "_", str(cell).strip().lower())
    word = re.sub(r"^(\d+)_0+$", r"\1", written)  # 1.0
    if word in COUNTERS:
        return None
    if word in NO_COUNTERS or word.startswith("not_"):
        return f"{column} {word}" if word in ("0", "false") else word
    raise UnknownLabel
