import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from biencoder.errors import RunError
from biencoder.runtime import environment

ROOT = Path(environment.__file__).parents[2]


def test_auto_takes_the_cpu_where_there_is_no_gpu_that_computes_in_float64(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    assert environment.device("auto") == environment.device("cpu") == torch.device("cpu")


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
    monkeypatch.delenv("BIENCODER_COMMIT", raising=False)
    commit = environment.git_commit()
    is_checkout = (ROOT / ".git").exists()
    assert (len(commit.removesuffix("-dirty")) == 40) if is_checkout else commit is None
    monkeypatch.setattr(
        subprocess, "run", lambda *_, **__: (_ for _ in ()).throw(FileNotFoundError)
    )
    assert environment.git_commit() is None


def test_in_an_image_the_commit_is_the_one_that_it_was_built_from(monkeypatch):
    monkeypatch.setenv("BIENCODER_COMMIT", "a" * 40)
    assert environment.git_commit() == "a" * 40
    monkeypatch.setenv("BIENCODER_COMMIT", "unknown")
    assert environment.git_commit() is None


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_a_checkout_whose_files_have_changed_is_dirty(monkeypatch, tmp_path):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    module = tmp_path / "biencoder" / "runtime" / "environment.py"
    module.parent.mkdir(parents=True)
    module.write_text("")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"], ["tag", "v1"]):
        subprocess.run([*git, *words], check=True)
    monkeypatch.delenv("BIENCODER_COMMIT", raising=False)
    monkeypatch.setattr(environment, "__file__", str(module))
    commit = environment.git_commit()
    assert len(commit) == 40
    module.write_text("changed")
    assert environment.git_commit() == f"{commit}-dirty"


@pytest.mark.parametrize(
    ("name", "kind", "has_it", "resolved"),
    [
        ("auto", "cpu", False, "float32"),
        ("auto", "cuda", False, "float32"),
        ("auto", "cuda", True, "bfloat16"),
        ("float32", "cuda", True, "float32"),
        ("bfloat16", "cpu", False, "bfloat16"),
    ],
)
def test_auto_is_bfloat16_on_a_gpu_that_has_it(monkeypatch, name, kind, has_it, resolved):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_it)
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    assert environment.precision(name, torch.device(kind)) == resolved


@pytest.mark.parametrize(
    ("capabilities", "resolved"),
    [
        ({"avx2": True, "amx_bf16": False, "avx512_bf16": False}, "float32"),
        ({"avx512_bf16": True}, "bfloat16"),
        ({"amx_bf16": True}, "bfloat16"),
        ({}, "float32"),
    ],
)
def test_auto_is_bfloat16_on_a_cpu_that_computes_in_it(monkeypatch, capabilities, resolved):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert environment.precision("auto", torch.device("cpu")) == resolved
    assert environment.precision("float32", torch.device("cpu")) == "float32"


def test_provenance_names_what_may_change_the_last_bits():
    provenance = environment.provenance(torch.device("cpu"), "float32", True)
    assert provenance["device"]["type"] == "cpu"
    assert provenance["threads"] == torch.get_num_threads()
    assert (provenance["precision"], provenance["processes"]) == ("float32", 1)
    assert provenance["gradient_cache"] is True
    assert {"versions", "git_commit"} < provenance.keys()


def test_free_memory_is_what_a_process_of_the_machine_or_its_container_may_take(monkeypatch):
    cpu = torch.device("cpu")
    alone = environment.free_memory(cpu)
    assert 10**6 < alone < 10**15
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1000")
    assert environment.free_memory(cpu) < alone / 100


def test_free_memory_is_what_the_other_processes_of_a_container_leave(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "CGROUP", tmp_path)
    for name, text in (
        ("memory.max", "1000\n"),
        ("memory.current", "700\n"),
        ("memory.stat", "anon 500\ninactive_file 150\n"),
    ):
        (tmp_path / name).write_text(text)
    assert environment.free_memory(torch.device("cpu")) == 450
    (tmp_path / "memory.max").write_text("max\n")
    assert environment.free_memory(torch.device("cpu")) > 10**6


def test_peak_memory_is_in_bytes():
    assert 10**7 < environment.peak_memory(torch.device("cpu")) < 10**12
