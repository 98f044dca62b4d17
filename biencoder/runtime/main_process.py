"""Tells the main process of a run, rank 0, from the others; it alone writes files, logs and prints.

Without importing torch, which takes seconds: where nobody has, there is one process.
"""

import functools
import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def is_main_process() -> bool:
    """Whether this process is rank 0."""
    dist = sys.modules.get("torch.distributed")
    return not (dist and dist.is_available() and dist.is_initialized()) or dist.get_rank() == 0


def main_process_only(write: Callable[P, R]) -> Callable[P, R | None]:
    """Make a writer do nothing on the other processes."""

    @functools.wraps(write)
    def write_once(*args: P.args, **kwargs: P.kwargs) -> R | None:
        return write(*args, **kwargs) if is_main_process() else None

    return write_once
