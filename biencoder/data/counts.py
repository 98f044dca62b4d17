"""Formats counts for a person."""


def reasons(dropped: dict[str, int]) -> str:
    """Format counts by reason: 'duplicate: 2, counter missing: 1'."""
    return ", ".join(f"{reason}: {count:,}" for reason, count in dropped.items())


def counted(count: int, noun: str) -> str:
    """Format a count of things: '1 pair', '2,796 pairs'."""
    return f"{count:,} {noun}{'s' * (count != 1)}"
