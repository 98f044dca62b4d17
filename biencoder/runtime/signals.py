"""Turns signals into an exception, deferred while a step or a file is unfinished."""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

#: What asks a process to end: SIGTERM and SIGINT, SIGHUP where its terminal is closed, and what
#: clusters send before a limit.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGXCPU)

#: Seconds between two lines that say what a process waits for.
SECONDS_A_LINE = 10


class Interrupted(BaseException):
    """The process was asked to end by `signal_number`; its exit status is 128 + that number."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"interrupted by {signal.Signals(signal_number).name}")
        self.status = 128 + signal_number


class Interruption:
    """Turns the first signal into `Interrupted`; a SIGTERM or SIGINT after it ends the process.

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
        is_nohup = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        taken = [number for number in SIGNALS if not (is_nohup and number == signal.SIGHUP)]
        former = {number: signal.signal(number, self._handle) for number in taken}
        try:
            yield self
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Defer a signal until the end of the block, an optimiser step or a file, then raise it."""
        with self.held_silently():
            yield
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
            if number in (signal.SIGTERM, signal.SIGINT):
                os._exit(128 + number)
            return  # a shell repeats SIGHUP, and the kernel SIGXCPU every second
        self._received = number
        if not self._held:
            raise Interrupted(number)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Within the block, say what the process waits for, and let a signal end it at once.

    The block may wait outside of Python, where a handler would run only after the wait. `what`
    completes "waits for …".
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    former = signal.set_wakeup_fd(writer)
    thread = threading.Thread(target=_watch, args=(reader, what), daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(former)
        os.close(writer)
        thread.join()
        os.close(reader)


def _watch(reader: int, what: str) -> None:
    """Read the numbers of the signals that arrive, until the other end is closed."""
    began = time.monotonic()
    while not select.select([reader], [], [], SECONDS_A_LINE)[0]:
        print(f"waits for {what}, {time.monotonic() - began:.0f} s so far", file=sys.stderr)
    if received := os.read(reader, 1):
        print(f"{Interrupted(received[0])} while it waited for {what}", file=sys.stderr, flush=True)
        os._exit(128 + received[0])
