from pathlib import Path

import pytest


@pytest.fixture
def write_file(tmp_path):
    """A function that writes a file, a text as UTF-8, and returns its path."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write
