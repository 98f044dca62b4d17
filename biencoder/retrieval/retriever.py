"""Uses a saved model: evaluates it on a corpus, or retrieves counter-arguments to a point."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from biencoder.data import corpus
from biencoder.data.corpus import Corpus
from biencoder.data.tokens import Tokens
from biencoder.model.biencoder import BiEncoder
from biencoder.retrieval import final_evaluation
from biencoder.retrieval.embedding import embed
from biencoder.retrieval.final_evaluation import SplitResult
from biencoder.retrieval.neighbors import nearest
from biencoder.retrieval.ranking import K
from biencoder.runtime import environment
from biencoder.storage import checkpoint
from biencoder.storage.progress import State


@dataclass(frozen=True)
class Hit:
    """A retrieved counter-argument."""

    text: str
    name: str  # 'split/domain/title/stance/number/role'
    probability: float  # of being the counter, by the pair head
    distance: float  # Euclidean, between the similarity embeddings


@dataclass(frozen=True)
class Retriever:
    """A trained model, loaded from a checkpoint onto a device."""

    model: BiEncoder
    tokenizer: Any
    state: State
    device: torch.device

    @classmethod
    def load(cls, reference: str, checkpoint_dir: Path, device_name: str) -> "Retriever":
        """Load the best weights of a run. Raises `RunError` for a missing checkpoint or device."""
        device = environment.device(device_name)
        folder = checkpoint.find(reference, checkpoint_dir)
        return cls(*checkpoint.load(folder, device), device)

    def evaluate(self, data_dir: Path | None, split: str | None) -> list[SplitResult]:
        """Evaluate one split of a corpus or all, in all eight pools. Raises `CorpusError`."""
        data = self._corpus(data_dir)
        results = []
        for one in data.splits:
            if split in (None, one.name):
                embeddings = embed(self.model, self._tokens(one.texts), self.device, one.name)
                results.append(final_evaluation.evaluate(one, data, embeddings, self.model))
        return results

    @torch.no_grad()
    def retrieve(self, text: str, top: int, data_dir: Path | None) -> list[Hit]:
        """Retrieve the `top` counter-arguments to `text` from a corpus, best first."""
        where: dict[str, tuple[str, str]] = {}
        for split in self._corpus(data_dir).splits:
            candidates = [*split.pairs["counter"], *split.pairs["point"]]
            for name, candidate in zip(split.candidate_names, candidates, strict=True):
                where.setdefault(corpus.text_key(candidate), (candidate, f"{split.name}/{name}"))
        where.pop(corpus.text_key(text), None)  # the point itself counters nothing
        texts, names = zip((text, ""), *where.values(), strict=True)
        ties = np.array([corpus.text_hash(key) for key in ("", *where)])
        found = embed(self.model, self._tokens([*texts]), self.device, "corpus")
        rows, distances = nearest(
            found.sim,
            found.sim[:1],
            max(K, top),
            lambda _, candidate: candidate == 0,
            ties=ties,
        )
        kept = rows[0][rows[0] >= 0]
        rows_of_texts = torch.from_numpy(kept).to(self.device)
        scores = self.model.pair_score(
            found.sim[:1].expand(len(kept), -1),
            found.h[:1].expand(len(kept), -1),
            found.sim[rows_of_texts],
            found.h[rows_of_texts],
        )
        probabilities = torch.sigmoid(scores).tolist()
        order = np.argsort(-scores.cpu().numpy(), kind="stable")[:top]
        return [
            Hit(texts[kept[n]], names[kept[n]], probabilities[n], float(distances[0][n]))
            for n in order
        ]

    def _corpus(self, data_dir: Path | None) -> Corpus:
        config = self.state.config
        return corpus.load(data_dir or config.data_dir, config.leaked_pairs)

    def _tokens(self, texts: list[str]) -> Tokens:
        return Tokens(texts, self.tokenizer, self.state.config.max_length)
