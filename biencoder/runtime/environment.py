"""Chooses and checks what a run computes and writes on: device, precision, memory, folders."""

import os
import resource
import sys
import tempfile
from pathlib import Path

import torch

from biencoder.errors import RunError
from biencoder.runtime import distributed
from biencoder.runtime.console import note

#: Where Linux says what a container's processes may take, and take.
CGROUP = Path("/sys/fs/cgroup")


def device(name: str) -> torch.device:
    """Choose the device of `--device`; of several GPUs the one of this process' local rank.

    Raises `RunError` where there is none, or no such name.
    """
    if name not in ("auto", "cpu", "cuda"):
        raise RunError(
            f"device={name}: must be auto, cpu or cuda; CUDA_VISIBLE_DEVICES=1 chooses another GPU"
        )
    if name == "cpu" or (name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise RunError("--device=cuda: this machine offers torch no such device")
    number, there = distributed.whole_number("LOCAL_RANK", 0), torch.cuda.device_count()
    if number >= there:
        raise RunError(f"this machine has {there} GPUs: start at most so many processes on it")
    return torch.device("cuda", number)


def check_writable(**folders: Path) -> None:
    """Write a trial file to each flag's folder. Raises `RunError` naming one that refuses it."""
    for flag, folder in folders.items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder) as trial:
                trial.write(bytes(1_000_000))
        except OSError as error:
            raise RunError(
                f"{folder}: cannot be written ({error.strerror}); make room or choose another "
                f"--{flag}"
            ) from None


def precision(name: str, device: torch.device) -> str:
    """Resolve `--precision`: 'auto' is bfloat16 where the device computes in it, else float32.

    Prints a line where bfloat16 is asked for by name and the device has to imitate it.
    """
    if device.type == "cuda":
        has_bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        found = torch.cpu.get_capabilities()
        has_bfloat16 = bool(found.get("amx_bf16") or found.get("avx512_bf16"))
    if name == "auto":
        return "bfloat16" if has_bfloat16 else "float32"
    if name == "bfloat16" and not has_bfloat16:
        note(
            "--precision=bfloat16: this device has no instructions for it and takes many times as "
            "long as with float32, which --precision=auto would choose"
        )
    return name


def free_memory(device: torch.device) -> int:
    """Find how many bytes each process of this machine may still take on `device`."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if (meminfo := Path("/proc/meminfo")).exists():
        lines = meminfo.read_text().splitlines()
        free = next(1024 * int(line.split()[1]) for line in lines if "MemAvailable" in line)
    limit = CGROUP / "memory.max"  # of a container, if it has one
    if limit.exists() and (allowed := limit.read_text().strip()).isdigit():
        kinds = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
        # What was read from files and is not in use goes as soon as others need the room.
        taken = int((CGROUP / "memory.current").read_text()) - int(kinds["inactive_file"])
        free = min(free, int(allowed) - taken)
    return free // distributed.whole_number("LOCAL_WORLD_SIZE", 1, least=1)


def peak_memory(device: torch.device) -> int:
    """Find the most bytes taken so far: by tensors on a GPU, else by this process in memory."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak
