import pytest
import torch

from biencoder.storage import pooled_vectors

CPU = torch.device("cpu")
VECTORS = {"training": torch.arange(6.0).reshape(3, 2), "test": torch.ones(1, 2)}
DECIDES = {"encoder": "e", "pooling": "mean", "seed": 0}
PROVENANCE = {"git_commit": "a" * 40, "processes": 1, "threads": 1, "gradient_cache": False}


class Fixed:
    """Stands for the token ids of a split."""

    def __init__(self, digest):
        self.digest = lambda: digest


TOKENS = {"training": Fixed("t"), "test": Fixed("u")}


def key(tokens=TOKENS, decides=DECIDES, provenance=PROVENANCE):
    return pooled_vectors.key(tokens, decides, provenance)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoints" / pooled_vectors.NAME


def test_what_was_written_is_read_again_by_the_same_key_alone(path):
    pooled_vectors.write(path, "key", VECTORS)
    found = pooled_vectors.read(path, "key", CPU)
    assert found.keys() == VECTORS.keys()
    assert all(torch.equal(found[name], VECTORS[name]) for name in VECTORS)
    assert pooled_vectors.read(path, "another", CPU) == {}


def test_what_was_written_last_takes_the_place_of_the_former(path):
    pooled_vectors.write(path, "first", VECTORS)
    pooled_vectors.write(path, "second", {"test": torch.zeros(1, 2)})
    assert pooled_vectors.read(path, "first", CPU) == {}
    assert pooled_vectors.read(path, "second", CPU).keys() == {"test"}


def test_without_a_key_nothing_is_written_and_nothing_read(path):
    pooled_vectors.write(path, None, VECTORS)
    assert not path.exists()
    pooled_vectors.write(path, "key", VECTORS)
    assert pooled_vectors.read(path, None, CPU) == {}


@pytest.mark.parametrize("damage", ["missing", "cut", "a bit"])
def test_a_damaged_file_is_as_none(path, damage):
    pooled_vectors.write(path, "key", VECTORS)
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(content[:-5])
    else:
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert pooled_vectors.read(path, "key", CPU) == {}


def test_runs_that_differ_in_what_does_not_decide_the_vectors_share_a_key():
    assert key()
    assert key(decides=DECIDES | {"seed": 1, "layernorm": False}) == key()
    assert key(provenance=PROVENANCE | {"gradient_cache": True}) == key()


def test_other_texts_another_encoder_or_use_of_it_another_place_or_commit_have_another_key():
    keys = [
        key(),
        key(tokens=TOKENS | {"training": Fixed("of other texts")}),
        key(decides=DECIDES | {"encoder": "f"}),
        key(decides=DECIDES | {"pooling": "cls"}),
        key(provenance=PROVENANCE | {"threads": 2}),
        key(provenance=PROVENANCE | {"git_commit": "b" * 40}),
    ]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    "other", [{"git_commit": None}, {"git_commit": "a" * 40 + "-dirty"}, {"processes": 2}]
)
def test_changed_source_unknown_source_and_several_processes_have_no_key(other):
    assert key(provenance=PROVENANCE | other) is None
