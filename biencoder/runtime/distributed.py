"""Collectives of a multi-process run, one process a GPU, by the names of `torch.distributed`.

`torchrun` starts the processes, and each runs the whole program on its shard of the work. All of
them call a collective at the same point. The main process, rank 0, alone writes files, logs and
prints. A program started by itself is a world of size 1, in which nothing here communicates.
"""

import contextlib
import os
import re
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from biencoder.arrays import Ints
from biencoder.errors import RunError
from biencoder.runtime.main_process import is_main_process
from biencoder.runtime.signals import waiting

#: Seconds to wait for word of why another process has ended, once talking to it has failed.
PATIENCE = 5

#: How long the processes wait for each other at the start.
TIMEOUT = timedelta(minutes=10)

_FAILURE = "failure"
_store: dist.Store | None = None


@contextmanager
def joined(device: torch.device) -> Iterator[None]:
    """Join the process group, if `torchrun` has started one, and leave it at the end.

    A failure in the block is announced to the others. Raises `RunError` as `name_failed_process`,
    where an environment variable is wrong, and where the others do not come.
    """
    global _store
    size = whole_number("WORLD_SIZE", 1, least=1)
    if size == 1:
        yield
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    number = whole_number("RANK", most=size - 1)
    address = f"{_variable('MASTER_ADDR')}:{whole_number('MASTER_PORT')}"
    others = f"the other {size - 1} of WORLD_SIZE={size} processes at {address}"
    try:
        with waiting(f"{others} (at most {TIMEOUT})"):
            _store, _, _ = next(dist.rendezvous("env://", number, size, timeout=TIMEOUT))
            _store.set(_name(number), f"{socket.gethostname()} {os.getpid()}")
            backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
            dist.init_process_group(backend, store=_store, rank=number, world_size=size)
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise RunError(f"{_name(number)} did not meet {others}: {reason}") from None
    try:
        with name_failed_process():
            yield
    except Exception as error:
        with contextlib.suppress(RuntimeError):  # the store is gone with its process
            if not _store.check([_FAILURE]):
                lines = str(error).splitlines() or [type(error).__name__]
                _store.set(_FAILURE, f"{_name(number)} failed: {lines[0]}")
        raise
    finally:
        dist.destroy_process_group()
        _store = None


@contextmanager
def name_failed_process() -> Iterator[None]:
    """Raise `RunError` that names the process whose end made a collective in the block fail.

    Of a process that was killed on another machine only the broken connection is known.
    """
    try:
        yield
    except RuntimeError as error:
        if culprit := _culprit():
            raise RunError(culprit) from None
        if isinstance(error, dist.DistError) or "gloo" in str(error):
            line = str(error).splitlines()[0]
            raise RunError(
                "lost a process of another machine, which was killed or ran out of memory, or the "
                f"connection to it: see what that machine printed ({line})"
            ) from None
        raise


def world_size() -> int:
    """The number of processes that share the run."""
    return dist.get_world_size() if dist.is_initialized() else 1


def shard(total: int) -> Ints:
    """This process' shard of the numbers below `total`: each number is in one process' shard."""
    return np.arange(rank(), total, world_size())


def all_gather_rows(values: Tensor, rows: Tensor, total: int) -> Tensor:
    """All-gather rows: every process gives `values` [G, …] for its `rows` [G]; returns [total, …].

    A process without rows may give values of any width. Where the values need a gradient, every
    process must differentiate the result: the gradient of a row is the sum over the processes, and
    goes to the one that gave it.
    """
    gathered: Tensor = _AllGatherRows.apply(values, rows, total)
    return gathered


class _AllGatherRows(torch.autograd.Function):
    """See `all_gather_rows`."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, rows: Tensor, total: int) -> Tensor:
        ctx.save_for_backward(rows)
        shape = [all_reduce_max(size) for size in values.shape[1:]]
        whole = values.new_zeros(total, *shape)
        if len(rows):
            whole[rows] = values
        all_reduce(whole)
        return whole

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (rows,) = ctx.saved_tensors
        whole = gradients[0].clone()
        all_reduce(whole)
        return whole[rows], None, None


def all_reduce(values: Tensor) -> None:
    """Add up the processes' `values` in place."""
    if world_size() > 1:
        dist.all_reduce(values)


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Average the gradients over the processes, as `data_parallel` does during `backward`."""
    for parameter in parameters:
        if world_size() > 1 and parameter.grad is not None:
            dist.all_reduce(parameter.grad)
            parameter.grad /= world_size()


def all_reduce_max(number: int) -> int:
    """Return the maximum of the processes' numbers."""
    if world_size() == 1:
        return number
    numbers = torch.tensor(number)
    dist.all_reduce(numbers, dist.ReduceOp.MAX)
    return int(numbers)


def broadcast(data: bytes) -> bytes:
    """Return the main process' bytes on every process."""
    if world_size() == 1:
        return data
    content = torch.frombuffer(bytearray(data or b"\0"), dtype=torch.uint8)
    length = all_reduce_max(len(content) if is_main_process() else 0)
    if not is_main_process():
        content = torch.empty(length, dtype=torch.uint8)
    dist.broadcast(content, 0)
    return content.numpy().tobytes()


def broadcast_weights(module: nn.Module) -> None:
    """Copy the main process' parameters and buffers to every process."""
    if world_size() > 1:
        for tensor in module.state_dict().values():
            dist.broadcast(tensor, 0)


def data_parallel(module: nn.Module, device: torch.device, *, all_used: bool) -> nn.Module:
    """Wrap a module so that `backward` averages its gradients over the processes.

    `all_used` says that every parameter takes part in each forward, which spares a search.
    """
    if world_size() == 1:
        return module
    return DistributedDataParallel(
        module,
        device_ids=[device.index] if device.type == "cuda" else None,
        find_unused_parameters=not all_used,
    )


def rank() -> int:
    """Return this process' rank, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def whole_number(
    variable: str, default: int | None = None, *, least: int = 0, most: int = 65_535
) -> int:
    """Read an environment variable of `torchrun`. Raises `RunError` that names it."""
    value = _variable(variable, default)
    if not (re.fullmatch("[0-9]{1,5}", value) and least <= int(value) <= most):
        raise RunError(
            f"{variable}={value}: must be a whole number from {least} to {most}; unset it, or "
            "leave such variables to torchrun"
        )
    return int(value)


def _variable(name: str, default: int | None = None) -> str:
    value = os.environ.get(name, None if default is None else str(default))
    if value is None:
        raise RunError(
            f"WORLD_SIZE={os.environ['WORLD_SIZE']} says that processes share the run, but {name} "
            "is not set: start them by torchrun, or unset WORLD_SIZE"
        )
    return value


def _name(number: int) -> str:
    return f"process {number}"


def _culprit() -> str | None:
    """Find the process whose end the others noticed: a sentence, or None where none is known."""
    deadline = time.monotonic() + PATIENCE
    try:
        while _store and time.monotonic() < deadline:
            if _store.check([_FAILURE]):
                return _store.get(_FAILURE).decode()
            for number in range(world_size()):
                host, process_id = _store.get(_name(number)).decode().split()
                if host == socket.gethostname() and not _is_alive(int(process_id)):
                    return f"{_name(number)} was killed, or ran out of memory"
            time.sleep(0.1)
    except RuntimeError:  # of the store, which the first process holds
        return f"{_name(0)}, which connects the others, or its machine is gone"
    return None


def _is_alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        pass
    return True
