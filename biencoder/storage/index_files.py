"""The files of an index, a folder of texts that are embedded once and searched often.

    index.json      the manifest: version, digests of model and texts, checksum of each other file
    sim.npy h.npy   similarity embeddings [T, 128] and pooled vectors [T, H], float32, memory-mapped
    hubness.npy     how well each text suits the others [T], float32, see `scoring.hubness_of`
    texts.parquet   id, text and hash (see `texts.text_hash`) of each row
    graph.faiss     of a large index, where faiss is installed: its graph of neighbours

The folder appears whole or not at all; the graph may be added later, before the manifest that names
it.
"""

import fcntl
import glob
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from biencoder.errors import FileError, IndexFolderError
from biencoder.runtime.console import note
from biencoder.storage.atomic import clear_unfinished, whole_file

#: Version of these files; an index of another one is not read.
VERSION = 2

MANIFEST = "index.json"
FILES = SIM, H, HUBNESS, TEXTS, GRAPH = (
    "sim.npy",
    "h.npy",
    "hubness.npy",
    "texts.parquet",
    "graph.faiss",
)


class Manifest(BaseModel):
    """Content of `index.json`.

    `model` and `texts` are the digests of what was embedded by what, `files` maps each file to its
    CRC-32, `recall` is the share of the ten nearest texts that the graph finds.
    """

    model_config = ConfigDict(extra="forbid")

    version: int
    model: str
    texts: str
    files: dict[str, int] = {}
    recall: float | None = None


def read(folder: Path) -> Manifest:
    """Read the manifest. Raises `IndexFolderError`: no index, damaged, or of another version."""
    path = folder / MANIFEST
    try:
        text = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise IndexFolderError(f"{folder}: no index there") from None
    except OSError as error:
        raise IndexFolderError(f"{path}: cannot be read ({error.strerror})") from None
    try:
        version = _Version.model_validate_json(text).version
        if version == VERSION:
            return Manifest.model_validate_json(text)
    except ValidationError:
        raise IndexFolderError(f"{path}: damaged") from None
    raise IndexFolderError(
        f"{folder}: an index of version {version}, where this program reads version {VERSION}"
    )


def verify(folder: Path, manifest: Manifest) -> None:
    """Check every file. Raises `IndexFolderError` naming a damaged or missing one."""
    for name in {SIM, H, HUBNESS, TEXTS} | manifest.files.keys():
        try:
            is_as_written = _checksum(folder / name) == manifest.files.get(name)
        except (OSError, ValueError):
            is_as_written = False
        if not is_as_written:
            raise IndexFolderError(f"{folder / name}: damaged or missing")


def write(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of the files that lie in `folder`."""
    files = {name: _checksum(folder / name) for name in FILES if (folder / name).exists()}
    whole = manifest.model_copy(update={"files": files})
    with whole_file(folder / MANIFEST) as path:
        path.write_text(whole.model_dump_json(indent=2) + "\n", "utf-8")


def is_replaceable(folder: Path) -> bool:
    """Tell whether an index that takes this place removes nothing but an index."""
    if not folder.exists():
        return True
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else {""}
    # Many programs write an index.json, and alone it may be theirs.
    return names <= {MANIFEST, *FILES} and names != {MANIFEST}


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep others from making the same index within the block; waits for one that does.

    The lock ends with its holder's process; unfinished files that it left are removed by the next
    holder. Where the file system knows no locks there is none: then two may do the same work, and
    the last one's result stays.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder.parent / f".{folder.name}.lock", os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise FileError(folder, error) from None
    try:
        if _is_locked(lock, folder):
            # Eight characters stand for a name that `atomic` draws: that of "texts" is no
            # unfinished folder of "texts.index", which another process may be making.
            clear_unfinished(folder.parent, f".{glob.escape(folder.name)}.{'?' * 8}.tmp")
            clear_unfinished(folder, ".*.tmp")
        yield
    finally:
        os.close(lock)


def _is_locked(lock: int, folder: Path) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        note(f"{folder}: another process makes this index; waiting for it")
        fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError:
        return False
    return True


class _Version(BaseModel):
    version: int


def _checksum(path: Path) -> int:
    """CRC-32: it tells damage as well as a cryptographic hash, and is ten times as fast."""
    return zlib.crc32(np.memmap(path, mode="r").data)
