import shutil
import subprocess
from pathlib import Path

import pytest
import torch

from biencoder.runtime import provenance
from biencoder.runtime.provenance import collect_provenance

ROOT = Path(provenance.__file__).parents[2]


def test_the_versions_name_what_decides_a_result():
    versions = provenance.versions()
    assert versions["torch"] == torch.__version__
    assert versions["python"].startswith("3.")


def test_the_commit_is_that_of_the_checkout_or_unknown(monkeypatch):
    monkeypatch.delenv("BIENCODER_COMMIT", raising=False)
    commit = provenance.git_commit()
    is_checkout = (ROOT / ".git").exists()
    assert (len(commit.removesuffix("-dirty")) == 40) if is_checkout else commit is None
    monkeypatch.setattr(
        subprocess, "run", lambda *_, **__: (_ for _ in ()).throw(FileNotFoundError)
    )
    assert provenance.git_commit() is None


def test_in_an_image_the_commit_is_the_one_that_it_was_built_from(monkeypatch):
    monkeypatch.setenv("BIENCODER_COMMIT", "a" * 40)
    assert provenance.git_commit() == "a" * 40
    monkeypatch.setenv("BIENCODER_COMMIT", "unknown")
    assert provenance.git_commit() is None


@pytest.mark.skipif(not shutil.which("git"), reason="git is not installed")
def test_a_checkout_whose_files_have_changed_is_dirty(monkeypatch, tmp_path):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    module = tmp_path / "biencoder" / "runtime" / "provenance.py"
    module.parent.mkdir(parents=True)
    module.write_text("")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"], ["tag", "v1"]):
        subprocess.run([*git, *words], check=True)
    monkeypatch.delenv("BIENCODER_COMMIT", raising=False)
    monkeypatch.setattr(provenance, "__file__", str(module))
    commit = provenance.git_commit()
    assert len(commit) == 40
    module.write_text("changed")
    assert provenance.git_commit() == f"{commit}-dirty"


def test_provenance_names_what_may_change_the_last_bits():
    found = collect_provenance(torch.device("cpu"), "float32", True)
    assert found["device"]["type"] == "cpu"
    assert found["threads"] == torch.get_num_threads()
    assert (found["precision"], found["processes"]) == ("float32", 1)
    assert found["gradient_cache"] is True
    assert {"versions", "git_commit"} < found.keys()
