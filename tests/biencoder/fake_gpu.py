"""A GPU where there is none: tensors that have a shape, a type and a device, but no numbers.

A tensor on the wrong device, a generator of the wrong kind, or a look at a number fails on them as
it fails, or waits, on a GPU. torch built for CPUs refuses gradients on a device called cuda, so the
device has a name of its own; to this program it is one that is not the CPU.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.backend_registration import (
    _DummyBackendModule,
    _setup_privateuseone_for_python_backend,
)


@contextmanager
def fake_gpu() -> Iterator[torch.device]:
    """Within the block every tensor that is made is one without numbers."""
    _register()
    device = torch.device("fakegpu", 0)
    threads = torch.autograd.set_multithreading_enabled(False)  # the device has none of its own
    with FakeTensorMode(allow_non_fake_inputs=True), threads:
        yield device


def put(module: nn.Module, device: torch.device) -> None:
    """Move a module to the fake GPU; `Module.to` cannot."""
    for part in module.modules():
        for name, parameter in part.named_parameters(recurse=False):
            part.register_parameter(name, nn.Parameter(torch.empty_like(parameter, device=device)))
        for name, buffer in part.named_buffers(recurse=False):
            part.register_buffer(name, torch.empty_like(buffer, device=device))


@cache
def _register() -> None:
    module = _DummyBackendModule()
    module.get_amp_supported_dtype = lambda: [torch.bfloat16]
    _setup_privateuseone_for_python_backend("fakegpu", module)


class Crossings(TorchDispatchMode):
    """Lists what crosses between processor and GPU: ('upload' or 'download', whether the processor
    waits for it), and looks at a number, which fail besides.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, bool]] = []

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if function in (torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default):
            self.found.append(("look", True))
        result = function(*args, **kwargs)
        if function is torch.ops.aten._to_copy.default:
            self._note(args[0].device, result.device, kwargs.get("non_blocking"))
        if function is torch.ops.aten.copy_.default:
            self._note(args[1].device, args[0].device, args[2:] and args[2])
        return result

    def _note(self, origin: torch.device, target: torch.device, non_blocking: Any) -> None:
        if origin != target:
            kind = "download" if target.type == "cpu" else "upload"
            self.found.append((kind, not non_blocking))
