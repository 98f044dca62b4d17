import pytest
import torch

from biencoder.errors import RunError
from biencoder.runtime import environment


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


def test_a_device_of_another_name_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    with pytest.raises(RunError, match="device=cuda:1: must be auto, cpu or cuda; CUDA_VISIBLE"):
        environment.device("cuda:1")


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
    ("name", "has_it", "warns"),
    [("bfloat16", False, True), ("bfloat16", True, False), ("float32", False, False)],
)
def test_bfloat16_on_a_cpu_that_imitates_it_is_said_to_be_slow(
    monkeypatch, capsys, name, has_it, warns
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": has_it})
    assert environment.precision(name, torch.device("cpu")) == name
    assert ("many times as long" in capsys.readouterr().err) is warns


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
