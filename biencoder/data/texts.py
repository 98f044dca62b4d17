"""Says when two texts are equal, and when a text is none."""

import hashlib
import unicodedata


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
