"""Prints lines beside a progress bar."""

import os

from tqdm import tqdm

from biencoder.runtime.distributed import main_process_only


@main_process_only
def say(line: str) -> None:
    """Print a line without tearing a progress bar."""
    try:
        tqdm.write(line)
    except OSError:
        # Nobody reads any more (a closed pipe, a full disk): the log holds all of it.
        discard_output()


def discard_output() -> None:
    """Redirect standard output to the null device."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def percent(share: float) -> str:
    """Format a share as '36.3 %'."""
    return f"{100 * share:.1f} %"


def percentages(shares: dict[str, float]) -> str:
    """Format named shares as one line."""
    return "  ".join(f"{name} {percent(share)}" for name, share in shares.items())
