"""The names for Python programs: their examples run, and importing them is cheap."""

import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import examples
import pytest

import biencoder
from biencoder import Config, Hit, Result, Retriever, load, train
from biencoder.data import corpus
from biencoder.model import encoder
from biencoder.training import trainer

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch, tiny_encoder):
    """A folder to work in, and a tiny encoder by the name of the packaged one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(encoder, "_source", lambda name: str(tiny_encoder))


def test_every_name_has_an_example_and_all_of_them_run():
    documented = (
        *(biencoder, train, load, Result, Hit, Retriever),
        *(Retriever.retrieve, Retriever.evaluate),
    )
    source = examples.run(*documented)
    for name in biencoder.__all__:
        assert re.search(rf"\b{name}\b|\b{name.lower()}\b", source), name


def test_the_program_of_the_readme_runs(tmp_path):
    readme = (ROOT / "README.md").read_text("utf-8")
    (program,) = re.findall(r"From Python:\n\n((?:(?: {4}.*)?\n)+)", readme, re.MULTILINE)
    program = program.replace("Config(", "Config(max_length=64, ")  # as the tiny encoder can
    exec(textwrap.dedent(program), {})  # noqa: S102 - our own
    assert (tmp_path / "curves.png").stat().st_size


def test_what_is_exported_is_what_is_said():
    assert sorted(biencoder.__all__) == list(biencoder.__all__)
    names = {}
    exec("from biencoder import *", names)  # noqa: S102 - our own
    assert set(biencoder.__all__) == names.keys() - {"__builtins__"}
    with pytest.raises(AttributeError, match="has no attribute 'trian'"):
        _ = biencoder.trian


def test_importing_it_does_not_import_torch():
    program = (
        "import sys\n"
        "from biencoder import Config, Result, RunError, load, train\n"
        "print(Config(epochs=2).epochs, 'torch' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT
    )
    assert (answer.stdout, answer.stderr) == ("2 False\n", "")


def test_a_signal_ends_training_as_an_exception_and_the_same_call_goes_on(monkeypatch):
    config = Config(run_id="stopped", max_length=24)
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "set_learning_rates", lambda *_: signal.raise_signal(signal.SIGINT))
        with pytest.raises(KeyboardInterrupt, match="run stopped was interrupted"):
            train(config)
    with monkeypatch.context() as patch:
        patch.setattr(corpus, "load", lambda *_: signal.raise_signal(signal.SIGTERM))
        with pytest.raises(KeyboardInterrupt, match="interrupted by SIGTERM"):
            train(config)
    result = train(config)
    assert (result.run_id, result.best_epoch in (0, 1)) == ("stopped", True)
    assert result.top1.keys() == result.untrained.keys() == {"training", "validation", "test"}
