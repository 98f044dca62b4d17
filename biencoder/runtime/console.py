"""Prints lines and progress: a bar on a terminal, elsewhere a line every half minute.

Where nobody reads any more (a closed pipe, a full disk) a run goes on: its log holds all of it.
"""

import os
import sys
from typing import Any, TextIO

from tqdm import tqdm

from biencoder.runtime.main_process import is_main_process, main_process_only

#: Seconds between two lines of progress where there is no terminal, as in a cluster's job log.
SECONDS_A_LINE = 30


@main_process_only
def say(line: str) -> None:
    """Print a line without tearing a progress bar."""
    try:
        tqdm.write(line)
    except OSError:
        _discard(sys.stdout)


@main_process_only
def note(line: str) -> None:
    """Print a line to standard error, for commands whose standard output is their answer."""
    try:
        tqdm.write(line, file=sys.stderr)
    except OSError:
        _discard(sys.stderr)


def progress(label: str, total: int, unit: str, done: int = 0) -> "tqdm[Any]":
    """Return a progress bar of the main process; the others show nothing.

    It is a context manager; call `update` with what was done since, `set_postfix_str` with a note.
    """
    shown: dict[str, Any] = {"leave": False, "disable": not is_main_process()}
    if not sys.stderr.isatty():
        often = {"mininterval": SECONDS_A_LINE, "delay": SECONDS_A_LINE, "miniters": 1}
        shown |= often | {"file": _Lines(), "ncols": 240, "bar_format": "{l_bar}{r_bar}"}
    return tqdm(desc=label, total=total, unit=unit, initial=done, **shown)


class _Lines:
    """Writes each state of a bar to standard error as a line of its own."""

    def write(self, text: str) -> None:
        state = text.strip("\r\n ")
        if state:
            try:
                print(state, file=sys.stderr, flush=True)
            except OSError:
                _discard(sys.stderr)

    def flush(self) -> None:
        """Do nothing: `write` has flushed."""


def _discard(stream: TextIO) -> None:
    """Lead what is still written to a stream to the null device, the flush at the end, too."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def percent(share: float) -> str:
    """Format a share as '36.3 %'."""
    return f"{100 * share:.1f} %"


def percentages(shares: dict[str, float]) -> str:
    """Format named shares as one line."""
    return "  ".join(f"{name} {percent(share)}" for name, share in shares.items())
