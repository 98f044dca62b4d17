"""Uses a saved model: evaluates it on a corpus, or retrieves counter-arguments to points."""

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

from biencoder.arrays import Floats, Ints
from biencoder.data import corpus, sources
from biencoder.data.tokens import Tokens
from biencoder.errors import CorpusError, IndexFolderError
from biencoder.model.biencoder import BiEncoder
from biencoder.retrieval import final_evaluation, text_index
from biencoder.retrieval.embedding import Embeddings, embed
from biencoder.retrieval.final_evaluation import SplitResult
from biencoder.retrieval.scoring import PAIRS_AT_A_TIME, K, pair_scores
from biencoder.retrieval.text_index import TextIndex
from biencoder.runtime import environment
from biencoder.runtime.console import note, progress
from biencoder.storage import checkpoint, run_checkpoints
from biencoder.storage.progress import State


@dataclass(frozen=True)
class Hit:
    """A retrieved counter-argument.

    >>> Hit("t1", "Trains are paid for by fares.", probability=0.9, distance=8.5).id
    't1'
    """

    id: str  # as its source names it; of a corpus 'split/domain/title/stance/number/role'
    text: str
    probability: float  # sigmoid of its score, see `scoring`: orders hits, and is not calibrated
    distance: float  # Euclidean, between the similarity embeddings


@dataclass(frozen=True)
class Retriever:
    """A trained model, loaded from a checkpoint onto a device, and the texts that it searches.

    `source` is where these are read from, see `sources.load`; None: what the model was trained on.
    `index_folder` is an index made before; None: one that is made when it is first needed.

    >>> from biencoder import load
    >>> retriever = load("first")
    >>> (hits,) = retriever.retrieve(["Homework should be abolished."], top=3)
    >>> [hit.probability for hit in hits] == sorted((hit.probability for hit in hits), reverse=True)
    True
    """

    folder: Path
    model: BiEncoder = field(repr=False)
    tokenizer: Any = field(repr=False)
    state: State = field(repr=False)
    device: torch.device
    source: Path | None = None
    index_folder: Path | None = None
    columns: str | None = None  # of the source, as `--columns`

    @classmethod
    def load(
        cls,
        reference: str,
        checkpoint_dir: Path,
        device_name: str,
        source: Path | None = None,
        index_folder: Path | None = None,
        columns: str | None = None,
    ) -> "Retriever":
        """Load the best weights of a run. Raises `RunError` for a missing checkpoint or device."""
        device = environment.device(device_name)
        folder = run_checkpoints.find(reference, checkpoint_dir)
        saved = checkpoint.load(folder, device)
        return cls(folder, *saved, device, source, index_folder, columns)

    def evaluate(
        self,
        data_dir: str | Path | None = None,
        split: str | None = None,
        columns: str | None = None,
    ) -> list[SplitResult]:
        """Evaluate one split of a corpus or all that there are, in the pools that it has.

        Unset, `data_dir` is the corpus that the model was trained on. Raises `CorpusError`.

        >>> from biencoder import load
        >>> (result,) = load("first").evaluate(split="test")
        >>> result.metrics["n"], result.pools["epa"]["n"]
        (36, 36)
        """
        if split not in (None, *corpus.SPLITS):
            raise ValueError(f"split={split!r}: must be one of {', '.join(corpus.SPLITS)}")
        named = None if data_dir is None else Path(data_dir)
        source, columns = self._corpus(named, columns)
        data = corpus.load(source, self.state.config.leaked_pairs, columns)
        for line in [*data.notes, *corpus.passed_over(data)]:
            note(line)
        own = self.state.config.data_dir
        is_own = named is None or (own is not None and named.resolve() == own.resolve())
        if is_own and self.state.corpus not in (None, data.digest):
            note(
                f"{source or 'the sample corpus'}: not the pairs that the model was trained on; "
                "where splits are made, test may hold some that it was trained on"
            )
        if split in data.absent:
            raise CorpusError(data.absent[split])
        results = []
        for one in data.splits:
            if len(one) and split in (None, one.name):
                embeddings = self._embed(one.texts, one.name)
                results.append(final_evaluation.evaluate(one, data, embeddings, self.model))
        return results

    @torch.no_grad()
    def retrieve(self, texts: Sequence[str], top: int = 5) -> list[list[Hit]]:
        """Retrieve up to `top` counter-arguments to each of the texts, best first.

        The nearest by embedding, ten or `top` of them, are rescored, see `scoring`. Raises
        `RunError` for an index or a corpus that cannot be used.

        >>> from biencoder import load
        >>> answers = load("first").retrieve(["Trains should be free.", "Ban cars."], top=2)
        >>> [len(hits) for hits in answers]
        [2, 2]
        """
        if isinstance(texts, str):
            raise TypeError("retrieve takes a list of texts: write [text]")
        if top < 1:
            raise ValueError(f"top={top}: must be 1 or more")
        if len(texts) == 0:
            return []
        index, nearest = self.index, max(K, top)
        asked = self._embed(texts, "questions")
        answers: list[list[Hit]] = []
        together = max(1, PAIRS_AT_A_TIME // nearest)
        with progress("searching", len(texts), "question") as bar:
            for start in range(0, len(texts), together):
                block = slice(start, start + together)
                of_block = Embeddings(asked.sim[block], asked.h[block])
                found = index.nearest(texts[block], of_block.sim, nearest)
                answers += [hits[:top] for hits in self._rescored(of_block, *found)]
                bar.update(len(of_block.sim))
        return answers

    @cached_property
    def index(self) -> TextIndex:
        """The index that is searched. Raises `RunError`."""
        if self.index_folder is None:
            return self.make_index()
        texts = sources.load(self.source, self.columns).digest if self.source else None
        try:
            return TextIndex.open(self.index_folder, self._digest, texts, self.device)
        except IndexFolderError as error:
            raise IndexFolderError(
                f"{error}; make one by biencoder index, with the same --checkpoint and --corpus "
                "and --out=NEW_FOLDER"
            ) from None

    def make_index(self, out: Path | None = None) -> TextIndex:
        """Open the index of the texts in `out`; it is made first where there is none, or one that
        is damaged or of other texts.

        Unset, `out` is a folder beside the checkpoint, or in the user's cache if that is
        read-only. Raises `RunError`.
        """
        source, columns = self._corpus(self.source, self.columns)
        texts = sources.load(source, columns)
        folder = out or self._place(source, texts)
        if not folder.name:  # as '.' has none
            folder = folder.absolute()
        return text_index.ensure(folder, self._digest, texts, self._embed, self.model, self.device)

    def _corpus(self, named: Path | None, columns: str | None) -> tuple[Path | None, str | None]:
        """Return the corpus that was named, else the training's, and its columns.

        Raises `CorpusError` where the training's is no longer there.
        """
        if named:
            return named, columns
        config = self.state.config
        if config.data_dir and not config.data_dir.exists():
            raise CorpusError(
                f"{config.data_dir}: the corpus that {self.state.run_id} was trained on is not "
                "there; name it (evaluate --data_dir, retrieve and index --corpus)"
            )
        return config.data_dir, columns or config.columns

    def _place(self, source: Path | None, texts: sources.Texts) -> Path:
        run_dir = self.folder.parent
        paths = f"{run_dir.resolve()}\0{source and source.resolve()}"
        number = hashlib.sha256(paths.encode()).hexdigest()[:8]
        name = f"{source.stem if source else 'sample_corpus'}-{number}"
        beside = run_dir / "indexes" / name
        if os.access(beside.parent if beside.parent.exists() else run_dir, os.W_OK):
            return beside
        with suppress(IndexFolderError):  # one that was made there before is good
            return TextIndex.open(beside, self._digest, texts.digest, self.device).folder
        try:
            caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        except RuntimeError:
            raise IndexFolderError(
                f"{beside}: cannot be written, and HOME is not set; make the index elsewhere by "
                "biencoder index --out=FOLDER, and name it by --index"
            ) from None
        return Path(caches) / "counterargument-biencoder" / "indexes" / name

    @cached_property
    def _digest(self) -> str:
        return checkpoint.index_digest(self.folder, self.state.config)

    def _embed(self, texts: Sequence[str], label: str) -> Embeddings:
        tokens = Tokens(texts, self.tokenizer, self.state.config.max_length)
        return embed(self.model, tokens, self.device, label)

    def _rescored(self, asked: Embeddings, rows: Ints, distances: Floats) -> list[list[Hit]]:
        """Make the hits of Q questions from their nearest texts, [Q, k] each, best first."""
        question, place = np.nonzero(rows >= 0)
        found, texts = rows[question, place], Embeddings(self.index.sim, self.index.h)
        scores = pair_scores(asked, texts, self.model, question, found)
        scores -= self.index.hubness[found]
        # Equal scores keep the order of distance.
        pairs = self.index.rows[found].select(
            pl.Series("question", question),
            pl.Series("score", scores),
            "id",
            "text",
            pl.Series("probability", torch.from_numpy(scores).sigmoid().numpy()),
            pl.Series("distance", distances[question, place]),
        )
        pairs = pairs.sort("question", "score", descending=[False, True], maintain_order=True)
        hits: list[list[Hit]] = [[] for _ in rows]
        for of_question, _, *hit in pairs.iter_rows():
            hits[of_question].append(Hit(*hit))
        return hits
