"""Timing that survives a noisy machine: peers take turns, and medians come with their spread."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

Figure = TypeVar("Figure")


def in_turns(peers: Mapping[str, Callable[[], Figure]], turns: int) -> dict[str, list[Figure]]:
    """What each peer measured in each turn; they take turns, so that all see the same weather."""
    found: dict[str, list[Figure]] = {name: [] for name in peers}
    for _ in range(turns):
        for name, measure in peers.items():
            found[name].append(measure())
    return found


def ratios(numerators: Sequence[float], denominators: Sequence[float]) -> list[float]:
    """The ratio in each turn."""
    return [above / below for above, below in zip(numerators, denominators, strict=True)]


def line(name: str, found: Sequence[float], unit: str = "") -> str:
    """A row of a table: name, median, and the spread from least to greatest."""
    middle = f"{statistics.median(found):10.3g}{unit}"
    return f"  {name:34}{middle}   ({min(found):.3g} to {max(found):.3g})"
