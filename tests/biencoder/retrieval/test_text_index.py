"""Making, reusing and searching an index, by made-up embeddings."""

import errno

import numpy as np
import polars as pl
import pytest
import torch
from handmade import NearIsBetter

from biencoder.data.sources import Texts
from biencoder.data.texts import text_hash, text_key
from biencoder.errors import FileError, IndexFolderError, NotFiniteError
from biencoder.retrieval import graph, text_index
from biencoder.retrieval.embedding import Embeddings
from biencoder.retrieval.scoring import hubness_of
from biencoder.retrieval.text_index import TextIndex
from biencoder.storage.index_files import GRAPH, MANIFEST, SIM

CPU = torch.device("cpu")
SCORER = NearIsBetter()
TEXTS = Texts(list("abcde"), ["One.", "Two.", "  Two.\n", "Three.", "Four."])


def embedding_of(texts):
    """Vectors that a text alone decides."""
    seeds = [text_hash(text_key(text)) % 2**32 for text in texts]
    rows = torch.stack(
        [torch.randn(128 + 6, generator=torch.Generator().manual_seed(n)) for n in seeds]
    )
    return Embeddings(rows[:, :128], rows[:, 128:])


@pytest.fixture
def embed(monkeypatch):
    """An embedding of texts that counts how many it has embedded; a chunk holds three."""
    monkeypatch.setattr(text_index, "CHUNK", 3)

    def embedded(texts, label):
        embedded.count += len(texts)
        return embedding_of(texts)

    embedded.count = 0
    return embedded


def ensure(folder, embed, model="model", texts=TEXTS, scorer=SCORER):
    return text_index.ensure(folder, model, texts, embed, scorer, CPU)


def opened(folder, model="model", texts=None):
    return TextIndex.open(folder, model, texts, CPU)


def test_an_index_holds_each_distinct_text_once_with_its_first_name(tmp_path, embed):
    ensure(tmp_path / "index", embed)
    index = opened(tmp_path / "index")
    assert index.rows["id"].to_list() == list("abde")
    expected = embedding_of(index.rows["text"])
    assert torch.equal(index.sim, expected.sim)
    assert torch.equal(index.h, expected.h)
    assert embed.count == 4


@pytest.mark.parametrize("weight", [0.0, 0.7])
def test_an_index_holds_the_hubness_of_its_texts_among_each_other(tmp_path, embed, weight):
    scorer = NearIsBetter(hubness_weight=weight)
    index = ensure(tmp_path / "index", embed, scorer=scorer)
    expected = hubness_of(embedding_of(index.rows["text"]), scorer)
    np.testing.assert_allclose(index.hubness, expected, rtol=1e-6)
    assert index.hubness.any() == bool(weight)


def test_its_nearest_texts_are_those_of_a_plain_comparison_without_copies(tmp_path, embed):
    ensure(tmp_path / "index", embed)
    questions = ["Two.", "Five."]
    sim = embedding_of(questions).sim
    index = opened(tmp_path / "index")
    rows, distances = index.nearest(questions, sim, 3)
    far = torch.cdist(sim, index.sim)
    far[0, 1] = torch.inf  # the copy of the first question
    order = far.argsort(dim=1)[:, :3]
    assert rows.tolist() == order.tolist()
    np.testing.assert_allclose(distances, far.gather(1, order), rtol=1e-4)


def test_an_index_is_made_once_for_one_model_and_one_set_of_texts(tmp_path, embed, capsys):
    folder = tmp_path / "index"
    for model, texts, embedded, said in (
        ("model", TEXTS, 4, "no index there; embedding 5 texts"),
        ("model", Texts(TEXTS.ids, TEXTS.texts), 0, ""),
        ("other", TEXTS, 4, "made by another model; embedding 5 texts"),
        ("other", Texts(["a"], ["One."]), 1, "made from other texts; embedding 1 texts"),
    ):
        embed.count = 0
        ensure(folder, embed, model, texts)
        assert embed.count == embedded
        assert said in capsys.readouterr().err
    assert opened(folder, "other").rows["text"].to_list() == ["One."]


def test_a_damaged_index_is_made_again(tmp_path, embed, capsys):
    folder = tmp_path / "index"
    ensure(folder, embed)
    content = bytearray((folder / SIM).read_bytes())
    content[-1] ^= 1
    (folder / SIM).write_bytes(content)
    ensure(folder, embed)
    assert "sim.npy: damaged or missing; embedding" in capsys.readouterr().err
    assert torch.equal(opened(folder).sim, embedding_of(opened(folder).rows["text"]).sim)


def test_a_failure_leaves_the_index_that_was_there_and_no_other_file(tmp_path, embed):
    def failing(texts, label):
        raise NotFiniteError("the model's embeddings contain NaN")

    ensure(tmp_path / "index", embed)
    with pytest.raises(NotFiniteError):
        ensure(tmp_path / "index", failing, "other")
    opened(tmp_path / "index", texts=TEXTS.digest)
    assert {path.name for path in tmp_path.iterdir()} == {"index", ".index.lock"}


@pytest.mark.parametrize("beside", ["nothing", MANIFEST])
def test_a_folder_of_other_things_is_not_replaced(tmp_path, embed, beside):
    """Whatever else it holds: an index.json may be another program's."""
    (tmp_path / beside).write_text("{}")
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(IndexFolderError, match="holds other things; name a new folder"):
        ensure(tmp_path, embed)
    assert (tmp_path / "mine.txt").read_text() == "precious"


def test_another_programs_index_json_is_not_removed(tmp_path, embed):
    (tmp_path / MANIFEST).write_text('{"pages": 1}')
    with pytest.raises(IndexFolderError, match="holds other things"):
        ensure(tmp_path, embed)
    assert (tmp_path / MANIFEST).read_text() == '{"pages": 1}'


def test_an_empty_folder_becomes_an_index(tmp_path, embed):
    (tmp_path / "index").mkdir()
    assert len(ensure(tmp_path / "index", embed).rows) == 4


def test_an_index_that_is_replaced_while_it_is_opened_does_not_answer(tmp_path, embed, monkeypatch):
    ensure(tmp_path / "index", embed)
    read_parquet = pl.read_parquet

    def replaced(path):
        rows = read_parquet(path)
        monkeypatch.undo()
        ensure(tmp_path / "index", embed, texts=Texts(["a"], ["One."]))
        return rows

    monkeypatch.setattr(pl, "read_parquet", replaced)
    with pytest.raises(IndexFolderError, match="made from other texts"):
        opened(tmp_path / "index")


def test_a_place_that_cannot_be_written_is_one_line(tmp_path, embed):
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot be written"):
        ensure(tmp_path / "file" / "index", embed)


def test_a_large_index_gets_a_graph_without_embedding_again(tmp_path, embed, monkeypatch, capsys):
    pytest.importorskip("faiss")
    folder = tmp_path / "index"
    texts = Texts([str(n) for n in range(40)], [f"Text {n}." for n in range(40)])
    monkeypatch.setattr(graph, "is_installed", lambda: False)
    monkeypatch.setattr(graph, "LEAST_TEXTS", 40)
    ensure(folder, embed, texts=texts)
    assert "40 texts are searched one by one; with faiss" in capsys.readouterr().err
    assert not (folder / GRAPH).exists()
    monkeypatch.undo()
    monkeypatch.setattr(graph, "LEAST_TEXTS", 40)
    embed.count = 0
    ensure(folder, embed, texts=texts)
    assert "a graph finds 100.0% of the 10 nearest texts" in capsys.readouterr().err
    assert embed.count == 0
    assert isinstance(opened(folder, texts=texts.digest).search, graph.GraphSearch)
    made = (folder / MANIFEST).stat().st_mtime_ns
    ensure(folder, embed, texts=texts)
    assert (folder / MANIFEST).stat().st_mtime_ns == made


def test_an_index_that_cannot_get_its_graph_is_searched_without(
    tmp_path, embed, monkeypatch, capsys
):
    ensure(tmp_path / "index", embed)
    monkeypatch.setattr(graph, "is_installed", lambda: True)
    monkeypatch.setattr(graph, "LEAST_TEXTS", 4)
    refusal = OSError(errno.EROFS, "Read-only file system")
    monkeypatch.setattr("os.open", lambda *_: (_ for _ in ()).throw(refusal))
    index = ensure(tmp_path / "index", embed)
    monkeypatch.undo()
    assert len(index.rows) == 4
    assert "(Read-only file system); choose another place; 4 texts" in capsys.readouterr().err


def test_an_index_with_a_graph_is_searched_exactly_where_faiss_is_not(tmp_path, embed, monkeypatch):
    pytest.importorskip("faiss")
    monkeypatch.setattr(graph, "LEAST_TEXTS", 4)
    ensure(tmp_path / "index", embed)
    by_graph = opened(tmp_path / "index").nearest(["Five."], embedding_of(["Five."]).sim, 4)
    monkeypatch.setattr(graph, "is_installed", lambda: False)
    exact = opened(tmp_path / "index").nearest(["Five."], embedding_of(["Five."]).sim, 4)
    assert not isinstance(opened(tmp_path / "index").search, graph.GraphSearch)
    np.testing.assert_equal(by_graph, exact)


def test_the_files_are_those_that_common_tools_read(tmp_path, embed):
    ensure(tmp_path / "index", embed)
    assert np.load(tmp_path / "index" / SIM, mmap_mode="r").dtype == np.float32
    assert pl.read_parquet(tmp_path / "index" / "texts.parquet").columns == ["id", "text", "hash"]
