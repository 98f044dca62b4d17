"""Makes and searches an index: texts that a model has embedded once, to be asked often."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from numpy.lib.format import write_array_header_1_0
from torch import Tensor

from biencoder.arrays import Floats, Ints
from biencoder.data.sources import Texts
from biencoder.data.texts import text_hash, text_key
from biencoder.errors import FileError, IndexFolderError
from biencoder.retrieval import graph
from biencoder.retrieval.embedding import Embeddings
from biencoder.retrieval.exact_search import ExactSearch
from biencoder.retrieval.neighbors import ROUND, Search, find
from biencoder.retrieval.scoring import K, Scorer, hubness_of
from biencoder.runtime.console import note, progress
from biencoder.storage import index_files
from biencoder.storage.atomic import whole_file, whole_folder
from biencoder.storage.index_files import GRAPH, HUBNESS, SIM, TEXTS, H, Manifest

#: Texts embedded at a time, whose tokens are all in memory.
CHUNK = 8_192

#: (texts, what to call them) → their embeddings.
Embed = Callable[[Sequence[str], str], Embeddings]


@dataclass(frozen=True)
class TextIndex:
    """An open index of T distinct texts, in `folder`.

    `rows` has id, text and hash of each; `sim` [T, 128] lies on the device that searches, `h`
    [T, H] stays on disk. `hubness` [T] is what counts against each as an answer, see
    `scoring.hubness_of`.
    """

    folder: Path
    manifest: Manifest
    rows: pl.DataFrame
    sim: Tensor
    h: Tensor
    hubness: npt.NDArray[np.float32]

    @classmethod
    def open(cls, folder: Path, model: str, texts: str | None, device: torch.device) -> "TextIndex":
        """Open the index in `folder`, and check its bytes.

        `model` and `texts` are the digests of what it must be made of; None: any texts. Raises
        `IndexFolderError` where it is made of others, of another version, damaged or missing.
        """
        manifest = _manifest(folder, model, texts)
        index_files.verify(folder, manifest)
        rows = pl.read_parquet(folder / TEXTS)
        vectors, of_rows = _vectors(folder, device), np.load(folder / HUBNESS)
        _manifest(folder, model, manifest.texts)  # nobody has replaced some of the files meanwhile
        return cls(folder, manifest, rows, vectors.sim, vectors.h, of_rows)

    @cached_property
    def search(self) -> Search:
        """The engine that searches it."""
        if graph.is_installed() and GRAPH in self.manifest.files:
            return graph.GraphSearch(self.folder / GRAPH, self.sim, self.order)
        return ExactSearch(self.sim, self.order)

    @property
    def order(self) -> Ints:
        """The texts in the order of ties, [T]."""
        return np.argsort(self.rows["hash"].to_numpy(), kind="stable")

    @property
    def lacks_graph(self) -> bool:
        """Whether it is large enough for a graph, and has none."""
        return len(self.rows) >= graph.LEAST_TEXTS and GRAPH not in self.manifest.files

    def nearest(self, questions: Sequence[str], sim: Tensor, k: int) -> tuple[Ints, Floats]:
        """Find the k nearest texts of Q questions, whose embeddings are `sim` [Q, 128].

        A copy of a question does not counter it, and is passed over. Rows and distances are those
        of `neighbors.find`, [Q, k] each.
        """
        hashes = self.rows["hash"].to_numpy()
        asked = _hashes(questions)

        def is_copy(question: Ints, text: Ints) -> Any:
            return asked[question] == hashes[text]

        return find(self.search, sim, k, is_copy)


def ensure(
    folder: Path, model: str, texts: Texts, embed: Embed, scorer: Scorer, device: torch.device
) -> TextIndex:
    """Open the index of these texts by this model in `folder`; make it where there is no such one.

    `model` is its digest, `embed` and `scorer` are its parts. Raises `FileError` where there is
    none and it cannot be written, and `IndexFolderError` for a folder that holds other things.
    """

    def opened() -> TextIndex:
        return TextIndex.open(folder, model, texts.digest, device)

    with suppress(IndexFolderError):
        return _with_graph(opened(), opened)
    with index_files.locked(folder):
        try:
            index = opened()  # another process may have made it meanwhile
        except IndexFolderError as reason:
            if not index_files.is_replaceable(folder):
                raise IndexFolderError(f"{folder}: holds other things; name a new folder") from None
            note(f"{reason}; embedding {len(texts):,} texts")
            make(folder, model, texts, embed, scorer, device)
            index = opened()
    if index.lacks_graph and not graph.is_installed():
        note(
            f"{len(index.rows):,} texts are searched one by one; with faiss (pip install "
            "faiss-cpu) the index gets a graph, which is faster, when it is next used"
        )
    return _with_graph(index, opened)


def _with_graph(index: TextIndex, opened: Callable[[], TextIndex]) -> TextIndex:
    """Return an index with the graph that it lacks, or as it is where none can be written."""
    if index.lacks_graph and graph.is_installed():
        try:
            with index_files.locked(index.folder):
                index = opened()  # another process may have added it meanwhile
                if index.lacks_graph:
                    add_graph(index)
                    index = opened()
        except FileError as error:
            note(f"{error}; {len(index.rows):,} texts are searched one by one")
    return index


def make(
    folder: Path, model: str, texts: Texts, embed: Embed, scorer: Scorer, device: torch.device
) -> None:
    """Embed the distinct texts, and write the index of them, which replaces that in `folder`."""
    rows = pl.DataFrame({"id": texts.ids, "text": texts.texts, "hash": _hashes(texts.texts)})
    rows = rows.unique("hash", keep="first", maintain_order=True)
    with whole_folder(folder) as unfinished:
        rows.write_parquet(unfinished / TEXTS)
        _write_vectors(rows["text"], embed, unfinished)
        np.save(unfinished / HUBNESS, _hubness(_vectors(unfinished, device), scorer))
        manifest = Manifest(version=index_files.VERSION, model=model, texts=texts.digest)
        index_files.write(unfinished, manifest)


def add_graph(index: TextIndex) -> None:
    """Add a graph to an index that stands already, so that a kill costs the graph alone."""
    with whole_file(index.folder / GRAPH) as unfinished:
        graph.build(index.sim.cpu().numpy(), unfinished)
        recall = graph.recall(graph.GraphSearch(unfinished, index.sim, index.order), K)
    note(f"{index.folder}: a graph finds {recall:.1%} of the {K} nearest texts")
    index_files.write(index.folder, index.manifest.model_copy(update={"recall": recall}))


def _manifest(folder: Path, model: str, texts: str | None) -> Manifest:
    """Read the manifest of an index by this model, and of these texts (None: of any)."""
    manifest = index_files.read(folder)
    if manifest.model != model:
        raise IndexFolderError(f"{folder}: made by another model")
    if texts not in (None, manifest.texts):
        raise IndexFolderError(f"{folder}: made from other texts")
    return manifest


def _write_vectors(texts: pl.Series, embed: Embed, folder: Path) -> None:
    # Written as files, not through memory: there a full disk would end the process without a word.
    files = (folder / SIM).open("wb"), (folder / H).open("wb")
    with files[0], files[1], progress("embedding", len(texts), "text") as bar:
        for start in range(0, len(texts), CHUNK):
            embedded = embed(texts[start : start + CHUNK].to_list(), "the corpus")
            for file, vectors in zip(files, (embedded.sim, embedded.h), strict=True):
                if not start:
                    shape = (len(texts), vectors.shape[1])
                    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
                    write_array_header_1_0(file, header)
                file.write(vectors.cpu().numpy().astype("<f4").data)
            bar.update(len(embedded.sim))


def _vectors(folder: Path, device: torch.device) -> Embeddings:
    # Mapped copy-on-write, since torch has no read-only tensors; nothing writes to them.
    sim, h = (torch.from_numpy(np.load(folder / name, "c")) for name in (SIM, H))
    return Embeddings(sim.to(device), h)


def _hubness(vectors: Embeddings, scorer: Scorer) -> npt.NDArray[np.float32]:
    """Compute the hubness of T distinct texts among each other, [T], once for all questions."""
    with progress("comparing", len(vectors.sim), "text") as bar:
        return hubness_of(vectors, scorer, lambda: bar.update(min(ROUND, bar.total - bar.n)))


def _hashes(texts: Sequence[str]) -> np.ndarray:
    return np.array([text_hash(text_key(text)) for text in texts], dtype=np.int64)
