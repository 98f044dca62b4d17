import numpy as np
import pytest
import torch

from biencoder.errors import EncoderError, FileError, RunError, encoder_named, shortage_named


class PanicException(BaseException):  # noqa: N818 - the name that Rust code has for it
    """As a tokenizer raises it."""


def ask_torch():
    torch.empty(2**58)


def ask_numpy():
    np.empty(2**58)


def ask_gpu():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize("ask", [ask_torch, ask_numpy, ask_gpu])
def test_a_shortage_of_memory_is_one_line_with_advice(ask):
    with pytest.raises(RunError, match=r"^out of memory: lower --max_length$"):
        with shortage_named("lower --max_length"):
            ask()


def test_other_errors_are_no_shortage():
    with pytest.raises(RuntimeError, match="shapes"), shortage_named(""):
        raise RuntimeError("shapes differ")


@pytest.mark.parametrize("error", [ValueError, PanicException])
def test_what_a_library_makes_of_a_strangers_files_is_one_line(error):
    with pytest.raises(EncoderError, match=rf"^it fails: {error.__name__}: one$"):
        with encoder_named(lambda reason: f"it fails: {reason}"):
            raise error("one\ntwo")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError(), RunError("mine")])
def test_what_is_no_fault_of_the_files_is_not_blamed_on_them(error):
    with pytest.raises(type(error)), encoder_named(lambda _: pytest.fail("blamed")):
        raise error


def test_a_full_disk_is_told_from_other_refusals(tmp_path):
    assert "free some space" in str(FileError(tmp_path, OSError(28, "No space left on device")))
    assert "free some space" in str(FileError(tmp_path, Exception("full (os error 28)")))
    assert "free some space" not in str(FileError(tmp_path, OSError(13, "Permission denied")))
