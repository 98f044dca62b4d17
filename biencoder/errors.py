"""The errors that end a command in one line. Each message names the path or flag at fault.

RunError                 a run that failed for a reason the user can act on; exit status 1
├── CorpusError          a corpus that cannot be read
├── EncoderError         a pretrained encoder that cannot be loaded
├── CheckpointError      a checkpoint that cannot be read
├── IndexFolderError     an index of texts that cannot be used
├── FileError            a file that cannot be written
└── NotFiniteError       embeddings that contain NaN or infinity
"""

import errno
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

#: How a file system says that it does not offer a call, as some network ones offer no locks.
NOT_OFFERED = {errno.EINVAL, errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP}


class RunError(Exception):
    """A run that failed for a reason the user can act on."""


class CorpusError(RunError):
    """A corpus that cannot be read; the message names the path and what to do."""


class EncoderError(RunError):
    """A pretrained encoder that cannot be loaded; the message names it and what to do."""


class CheckpointError(RunError):
    """A checkpoint that cannot be read; the message names the path and what to do."""


class IndexFolderError(RunError):
    """An index of texts that cannot be used; the message names the folder or file and why."""


class FileError(RunError):
    """A file that cannot be written; the message names it and what to do."""

    def __init__(self, path: Path, error: Exception) -> None:
        reason = getattr(error, "strerror", None) or str(error).split("\n")[0]
        room = "free some space or " if errno_of(error) in (errno.ENOSPC, errno.EDQUOT) else ""
        super().__init__(f"{path}: cannot be written ({reason}); {room}choose another place")


class NotFiniteError(RunError):
    """Embeddings that contain NaN or infinity."""


@contextmanager
def shortage_named(advice: str) -> Iterator[None]:
    """Raise `RunError` with `advice` where the block asks for more memory than there is."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not _is_shortage(error):
            raise
        raise RunError(f"out of memory: {advice}") from None


@contextmanager
def encoder_named(explain: Callable[[str], str]) -> Iterator[None]:
    """Raise `EncoderError` for any error of a library in the block, which reads foreign files.

    A panic of Rust code counts too, though it is no `Exception`. `explain` gets the type and the
    first line of the error, and returns the message.
    """
    try:
        yield
    except BaseException as error:
        kind = type(error).__name__
        is_of_library = isinstance(error, Exception) or kind == "PanicException"
        if not is_of_library or isinstance(error, RunError) or _is_shortage(error):
            raise
        raise EncoderError(explain(": ".join([kind, *str(error).splitlines()[:1]]))) from None


def _is_shortage(error: BaseException) -> bool:
    """Whether memory ran out: of Python, of torch on a CPU, or on a GPU."""
    words = ("out of memory", "not enough memory", "can't allocate memory")
    is_told = isinstance(error, RuntimeError) and any(said in str(error) for said in words)
    return isinstance(error, MemoryError) or is_told


def errno_of(error: BaseException) -> int | None:
    """Return the number by which the system refused a call, None where something else failed.

    Libraries written in Rust (tokenizers, polars, safetensors) give it in the message alone.
    """
    if isinstance(error, OSError):
        return error.errno
    number = re.search(r"\(os error (\d+)\)", str(error))
    return int(number[1]) if number else None
