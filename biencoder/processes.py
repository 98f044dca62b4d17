"""The processes that share one run, one a GPU: all that they say to each other.

`torchrun` starts them, and each runs the whole program on its share of the work. They go through
the run in step: what exchanges something is called by all of them at the same point. The first one
leads: it alone writes files, logs and prints. A program started by itself is a group of one, for
which everything here is free.
"""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from commandline import RunError

#: Seconds to wait for word of why another process has ended, once talking to it has failed.
PATIENCE = 5

_FAILURE = "failure"
_store: dist.Store | None = None


@contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Meet the other processes, if `torchrun` has started any, and part from them at the end.

    A failure in the block is told to the others. Raises `RunError` as `blame` does.
    """
    global _store
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    if device.type not in ("cpu", "cuda"):
        raise RunError(f"--device={device.type} serves one process: start train without torchrun")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    _store, number, size = next(dist.rendezvous("env://"))
    _store.set(_name(number), f"{socket.gethostname()} {os.getpid()}")
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    dist.init_process_group(backend, store=_store, rank=number, world_size=size)
    try:
        with blame():
            yield
    except Exception as error:
        if not _store.check([_FAILURE]):
            lines = str(error).splitlines() or [type(error).__name__]
            _store.set(_FAILURE, f"{_name(number)} failed: {lines[0]}")
        raise
    finally:
        dist.destroy_process_group()
        _store = None


@contextmanager
def blame() -> Iterator[None]:
    """Raises `RunError` naming the process at fault where the block fails because one has ended."""
    try:
        yield
    except RuntimeError:
        if culprit := _culprit():
            raise RunError(culprit) from None
        raise


def count() -> int:
    """How many processes share the run."""
    return dist.get_world_size() if dist.is_initialized() else 1


def leads() -> bool:
    """Whether this process is the one that writes and prints."""
    return rank() == 0


def share(total: int) -> npt.NDArray[np.int64]:
    """Of the numbers below `total` this process' part: each number is in one process' part."""
    return np.arange(rank(), total, count())


def combine(values: Tensor) -> None:
    """Add up the processes' `values` in place: each holds zeros where another one's part is."""
    if count() > 1:
        dist.all_reduce(values)


class _Gathered(torch.autograd.Function):
    """See `gathered`."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, places: Tensor, total: int) -> Tensor:
        ctx.save_for_backward(places)
        rows = values.new_zeros(total, values.shape[1])
        rows[places] = values
        combine(rows)
        return rows

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (places,) = ctx.saved_tensors
        rows = gradients[0].clone()
        combine(rows)
        return rows[places], None, None


def gathered(values: Tensor, places: Tensor, total: int) -> Tensor:
    """The rows [total, S] of all processes; this one gives `values` [G, S] for `places` [G].

    Every process must call it, and differentiate it: the gradient of a row is the sum over the
    processes, and goes to the one that gave it.
    """
    rows: Tensor = _Gathered.apply(values, places, total)
    return rows


def greatest(number: int) -> int:
    """The greatest of the processes' numbers."""
    if count() == 1:
        return number
    numbers = torch.tensor(number)
    dist.all_reduce(numbers, dist.ReduceOp.MAX)
    return int(numbers)


def from_lead(data: bytes) -> bytes:
    """What the leading process gives; what the others give does not matter."""
    if count() == 1:
        return data
    content = torch.frombuffer(bytearray(data or b"\0"), dtype=torch.uint8)
    length = greatest(len(content) if leads() else 0)
    if not leads():
        content = torch.empty(length, dtype=torch.uint8)
    dist.broadcast(content, 0)
    return content.numpy().tobytes()


def take_weights_of_lead(module: nn.Module) -> None:
    """Make the module's parameters and buffers those of the leading process."""
    if count() > 1:
        for tensor in module.state_dict().values():
            dist.broadcast(tensor, 0)


def data_parallel(module: nn.Module, device: torch.device, *, all_used: bool) -> nn.Module:
    """A module whose gradients, after `backward`, are the mean over the processes.

    `all_used` says that every parameter takes part in each forward, which spares a search.
    """
    if count() == 1:
        return module
    return DistributedDataParallel(
        module,
        device_ids=[device.index] if device.type == "cuda" else None,
        find_unused_parameters=not all_used,
    )


def rank() -> int:
    """This process' number, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def _name(rank: int) -> str:
    return f"process {rank}"


def _culprit() -> str | None:
    """A sentence on the process whose end the others noticed, None where none is known to fail."""
    deadline = time.monotonic() + PATIENCE
    while _store and time.monotonic() < deadline:
        if _store.check([_FAILURE]):
            return _store.get(_FAILURE).decode()
        for number in range(count()):
            host, process_id = _store.get(_name(number)).decode().split()
            if host == socket.gethostname() and not _is_alive(int(process_id)):
                return f"{_name(number)} was killed, or ran out of memory"
        time.sleep(0.1)
    return None


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
