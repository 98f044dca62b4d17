"""What the tests of both packages share: a tiny encoder, small corpora, the real data's place."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_encoder import save_tiny_encoder

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the real corpus and the real legacy logs; skips where it is absent."""
    folder = Path(os.environ.get("COUNTERARGUMENT_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"the real corpus and logs are not at {folder}")
    return folder


@pytest.fixture
def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """A function that runs a program by its `main`: (exit status, standard output, error)."""

    def run(main: Callable[[], object], *arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["program", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return run


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a two-layer BERT of random weights and a tokenizer of the sample's words."""
    folder = tmp_path_factory.mktemp("tiny-encoder")
    save_tiny_encoder(folder)
    return folder


@pytest.fixture
def write_corpus(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a corpus: {'training/sport/running/pro/pro01a-point.txt': text, …}."""

    def write(files: dict[str, str | bytes], root: Path = tmp_path / "corpus") -> Path:
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return root

    return write
