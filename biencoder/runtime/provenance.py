"""Describes what may change the last bits of a result: device, threads, versions, commit."""

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from biencoder.runtime import distributed

#: Libraries that affect a run's result.
PACKAGES = ("counterargument-biencoder", "torch", "transformers", "scikit-learn", "numpy")


def collect_provenance(
    device: torch.device, precision: str, gradient_cache: bool
) -> dict[str, Any]:
    """Collect what, beside its flags, may change the last bits of a run's result."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else processor()
    return {
        "device": {"type": device.type, "name": name},
        "threads": torch.get_num_threads(),
        "processes": distributed.world_size(),
        "precision": precision,
        "gradient_cache": gradient_cache,
        "versions": versions(),
        "git_commit": git_commit(),
    }


def processor() -> str:
    """Name the CPU's model, and the instructions that torch uses of it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    model = next(models, platform.processor() or platform.machine())
    return f"{model} ({torch.backends.cpu.get_cpu_capability()})"


def version(package: str = "counterargument-biencoder") -> str | None:
    """Return the installed version of a package, None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def versions() -> dict[str, str | None]:
    """Return the versions of Python and of the libraries that affect a run's result."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def git_commit() -> str | None:
    """Find the commit of the running source: of the checkout, with '-dirty' where its files have
    changed since, or of the image it was built from. None where neither is known.
    """
    if commit := os.environ.get("BIENCODER_COMMIT"):
        return commit if commit != "unknown" else None
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    git = ["git", "-C", str(root)]
    try:
        answer = subprocess.run(  # noqa: S603 - fixed words and our own path, no shell
            [*git, "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"],
            capture_output=True,
            text=True,
        )
    except FileNotFoundError:
        return None
    return answer.stdout.strip() or None
