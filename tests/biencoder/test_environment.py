import subprocess

import pytest
import torch

from biencoder import environment
from commandline import RunError


def test_auto_takes_a_device_that_is_there():
    assert environment.device("auto").type in ("cpu", "cuda", "mps")
    assert environment.device("cpu") == torch.device("cpu")


def test_a_device_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(RunError, match="--device=cuda: this machine offers"):
        environment.device("cuda")


def test_each_process_of_a_run_takes_the_gpu_of_its_number(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert environment.device("auto") == torch.device("cuda", 0)
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert environment.device("cuda") == torch.device("cuda", 1)
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(RunError, match="this machine has 2 GPUs"):
        environment.device("auto")


def test_the_versions_name_what_decides_a_result():
    versions = environment.versions()
    assert versions["torch"] == torch.__version__
    assert versions["python"].startswith("3.")


def test_the_commit_is_that_of_the_checkout_or_unknown(monkeypatch):
    monkeypatch.delenv("REVISION", raising=False)
    commit = environment.git_commit()
    assert commit is None or len(commit) == 40
    monkeypatch.setattr(
        subprocess, "run", lambda *_, **__: (_ for _ in ()).throw(FileNotFoundError)
    )
    assert environment.git_commit() is None


def test_in_an_image_the_commit_is_the_one_that_it_was_built_from(monkeypatch):
    monkeypatch.setenv("REVISION", "a" * 40)
    assert environment.git_commit() == "a" * 40
    monkeypatch.setenv("REVISION", "unknown")
    assert environment.git_commit() is None


def test_the_description_tells_the_kind_of_device():
    assert environment.describe(torch.device("cpu"))["type"] == "cpu"
