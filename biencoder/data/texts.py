"""Reads a text, and says when two are equal and when one has no content."""

import hashlib
import unicodedata
from pathlib import Path

from biencoder.errors import CorpusError

#: What programs write where there is no text.
NO_TEXT = ("nan", "none", "null", "n/a", "na", "<na>")


def text_key(text: str) -> str:
    """Normalise a text for comparison: Unicode NFC, each run of white space one blank, trimmed."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def text_hash(key: str) -> int:
    """Hash a normalised text to 64 bits; breaks ties alike on every machine, whatever its role."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), signed=True)


def has_content(text: str) -> bool:
    """Test whether a text has anything to read: a letter, a number, a sign; not only white space,
    or characters of no width.
    """
    return any(unicodedata.category(character)[0] in "LNPS" for character in text)


def is_argument(text: str) -> bool:
    """Test whether a text without outer white space is one, and not a word for there being none."""
    return has_content(text) and text.lower() not in NO_TEXT


def read_text(path: Path) -> str:
    """Read a text, stripped of outer white space and a byte order mark. Raises `CorpusError`."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise CorpusError(f"{path!a}: this name is not UTF-8; rename the file or folder") from None
    if path.exists() and not path.is_file():
        raise CorpusError(f"{path}: not a regular file; a pipe or device would be read for ever")
    try:
        return path.read_bytes().decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{path}: not UTF-8 at byte {error.start}; convert it, for instance with iconv"
        ) from None
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read ({error.strerror})") from None
