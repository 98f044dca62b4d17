"""Evaluates the three splits by the current model, and logs the figures."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from biencoder.data import corpus
from biencoder.data.corpus import Corpus, Split
from biencoder.data.tokens import Tokens
from biencoder.errors import EncoderError
from biencoder.model.biencoder import BiEncoder
from biencoder.retrieval import untrained
from biencoder.retrieval.embedding import Embeddings, embed, encode
from biencoder.retrieval.ranking import Ranking, metrics, rank
from biencoder.retrieval.scoring import Scorer
from biencoder.runtime.console import percentages, say
from biencoder.storage import events
from biencoder.storage.progress import Progress
from biencoder.storage.run_log import RunLog


@dataclass
class Evaluator:
    """Embeds, ranks and scores the splits, and logs the figures.

    `with_unseen` adds the figures over points that training does not hold; `after_round` is called
    between batches of texts and of queries, so that a signal can take effect.
    """

    data: Corpus
    tokens: dict[str, Tokens]
    model: BiEncoder
    device: torch.device
    neighbors: str
    with_unseen: bool
    log: RunLog
    after_round: Callable[[], None]
    #: Split → its embeddings by the model's current weights, computed when first asked for.
    embeddings: dict[str, Embeddings] = field(default_factory=dict)

    def embedded(self, name: str) -> Embeddings:
        """Return the embeddings of a split's texts, computed once until `forget`. Raises
        `NotFiniteError`.
        """
        if name not in self.embeddings:
            self.embeddings[name] = embed(
                self.model, self.tokens[name], self.device, name, self.after_round
            )
        return self.embeddings[name]

    def evaluate(
        self, progress: Progress, splits: Sequence[Split]
    ) -> tuple[dict[str, dict[str, float]], dict[str, Ranking]]:
        """Rank and log splits; returns (figures, ranking) of each by its name."""
        figures, rankings = {}, {}
        for split in splits:
            clock = time.monotonic()
            rankings[split.name], figures[split.name] = self._score(
                split, self.embedded(split.name), self.model
            )
            seconds = time.monotonic() - clock
            fields = self._place(progress, split) | figures[split.name] | {"seconds": seconds}
            self.log.write(events.Eval.model_validate(fields))
        return figures, rankings

    def evaluate_untrained(self, progress: Progress, known: dict[str, Tensor]) -> dict[str, Tensor]:
        """Rank the splits by the encoder before any training, by nearest neighbour, and log it.

        Sets `progress.untrained`; returns the pooled vectors of each split's texts, and encodes
        those that are not known. Raises `EncoderError` for NaN or infinity.
        """
        pooled = {}
        for split in self.data.splits:
            clock = time.monotonic()
            vectors = known.get(split.name)
            if vectors is None:
                tokens = self.tokens[split.name]
                vectors = encode(self.model, tokens, self.device, split.name, self.after_round)
                if not bool(torch.isfinite(vectors).all()):
                    raise EncoderError(
                        f"--encoder: its vectors of {split.name} contain NaN or infinity; fetch it "
                        "again or choose another"
                    )
            found = untrained.embeddings(vectors)
            _, figures = self._score(split, found, untrained.NearestAlone())
            seconds = time.monotonic() - clock
            fields = self._place(progress, split) | figures | {"seconds": seconds}
            self.log.write(events.Untrained.model_validate(fields))
            pooled[split.name] = vectors
            progress.untrained[split.name] = figures["top1"]
        say(f"untrained encoder: top-1 {percentages(progress.untrained)}")
        return pooled

    @torch.no_grad()
    def keep(self, pooled: dict[str, Tensor]) -> None:
        """Project pooled vectors and keep the embeddings, which avoids encoding again."""
        self.embeddings = {
            name: Embeddings(*self.model.project(vectors)) for name, vectors in pooled.items()
        }

    def forget(self) -> None:
        """Drop the embeddings, because the model's weights change."""
        self.embeddings.clear()

    def _score(
        self, split: Split, embeddings: Embeddings, scorer: Scorer
    ) -> tuple[Ranking, dict[str, float]]:
        ranking = rank(split, embeddings, scorer, self.neighbors, self.after_round)
        figures = metrics(ranking)
        if self.with_unseen:
            among_unseen = metrics(ranking, corpus.unseen(split, self.data.training))
            figures |= {f"{name}_unseen": among_unseen[name] for name in ("top1", "hits", "n")}
        return ranking, figures

    @staticmethod
    def _place(progress: Progress, split: Split) -> dict[str, Any]:
        return {"epoch": progress.epoch, "step": progress.step, "split": split.name}
