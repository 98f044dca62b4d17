"""Makes a step's batch beside the step before it."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def one_ahead(make: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[tuple[Item, Made]]:
    """Yield each item with what `make` makes of it, in order.

    A thread makes it while the former one is in use. What it raises is raised here.
    """
    made = ((item, make(item)) for item in items)  # run by the thread alone
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, made, None)
        while (pair := coming.result()) is not None:
            coming = thread.submit(next, made, None)
            yield pair
