"""Turns SIGTERM and SIGINT into an exception, deferred while a step or a file is unfinished."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(BaseException):
    """The process was asked to end by `signal_number`; its exit status is 128 + that number."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(signal_number).name}")
        self.status = 128 + signal_number


class Interruption:
    """Turns the first signal into `Interrupted`; a second one ends the process at once.

    Handlers are installed explicitly, so that they also work for process 1 of a container, for
    which the kernel ignores signals that nobody handles.
    """

    def __init__(self) -> None:
        self._received: int | None = None
        self._held = False
        self._agree: Callable[[int], int] | None = None

    @property
    def pending(self) -> bool:
        """Whether a signal has arrived and is deferred."""
        return self._received is not None

    @contextmanager
    def handled(self) -> Iterator["Interruption"]:
        """Handle signals within the block; afterwards the former handlers are back."""
        signals = (signal.SIGTERM, signal.SIGINT)
        former = {number: signal.signal(number, self._handle) for number in signals}
        try:
            yield self
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Defer a signal until the end of the block, an optimiser step or a file, then raise it."""
        self._held = True
        try:
            yield
        finally:
            self._held = False
        if self._received is not None and self._agree is None:
            raise Interrupted(self._received)

    @contextmanager
    def held_silently(self) -> Iterator[None]:
        """Defer a signal during clean-up after another one, and raise nothing afterwards."""
        self._held = True
        try:
            yield
        finally:
            self._held = False

    @contextmanager
    def agreed(self, all_reduce_max: Callable[[int], int]) -> Iterator[None]:
        """Within the block a signal takes effect at `raise_if_signalled` alone, on all processes.

        A process that left while the others wait in a collective would make them fail.
        `all_reduce_max` returns the maximum of the processes' numbers. Further signals do nothing:
        `torchrun` repeats those that the terminal has sent already.
        """
        self._agree = all_reduce_max
        try:
            yield
        finally:
            self._agree = None

    def raise_if_signalled(self) -> None:
        """Raise `Interrupted` where any process has received a signal; all processes call it."""
        if self._agree is not None and (number := self._agree(self._received or 0)):
            raise Interrupted(number)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._agree is not None:
            self._received = self._received or number
            return
        if self._received is not None:
            os._exit(128 + number)
        self._received = number
        if not self._held:
            raise Interrupted(number)
