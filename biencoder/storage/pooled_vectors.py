"""Keeps the untrained encoder's pooled vectors for the next run of the same texts and encoder.

`<checkpoint_dir>/.untrained.safetensors` maps each split to its texts' vectors [T, H], float32. All
runs of a study start from the same vectors, and on a CPU encoding them takes a fifth of a run of
one epoch. The file holds what was encoded last; no run id begins with a dot.
"""

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from biencoder.data.tokens import Tokens
from biencoder.storage.atomic import whole_file
from biencoder.storage.identity import identity

NAME = ".untrained.safetensors"


def key(
    tokens: Mapping[str, Tokens], decides: dict[str, Any], provenance: dict[str, Any]
) -> str | None:
    """Hash what decides the vectors to the last bit; None where that is not known or not shared.

    Changed or unknown source may encode differently. Of several processes each would need the file.
    """
    commit = provenance["git_commit"]
    if commit is None or commit.endswith("-dirty") or provenance["processes"] > 1:
        return None
    texts = {name: of_split.digest() for name, of_split in tokens.items()}
    encoder = {name: decides[name] for name in ("encoder", "pooling")}
    return identity({"tokens": texts} | encoder | provenance | {"gradient_cache": None})


def read(path: Path, key: str | None, device: torch.device) -> dict[str, Tensor]:
    """Read the vectors of this key to a device; {} where there are none, or the file is damaged."""
    if not key:
        return {}
    try:
        with safe_open(path, "pt") as file:
            known = file.metadata() or {}
            if known.get("key") != key:
                return {}
            # Cloned, or they would change with the file.
            vectors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError):
        return {}
    if known != _metadata(key, vectors):
        return {}
    return {name: tensor.to(device) for name, tensor in vectors.items()}


def write(path: Path, key: str | None, vectors: dict[str, Tensor]) -> None:
    """Write the vectors of this key. Raises `FileError`."""
    if key:
        on_host = {name: tensor.contiguous().cpu() for name, tensor in vectors.items()}
        with whole_file(path) as unfinished:
            save_file(on_host, unfinished, _metadata(key, on_host))


def _metadata(key: str, vectors: dict[str, Tensor]) -> dict[str, str]:
    """The key, and the vectors' CRC-32, which tells damage."""
    checksum = 0
    for _, tensor in sorted(vectors.items()):
        checksum = zlib.crc32(tensor.numpy().data, checksum)
    return {"key": key, "crc32": str(checksum)}
