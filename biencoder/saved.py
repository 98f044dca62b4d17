"""A saved model put to use: scored on a corpus, or asked for counter-arguments."""

import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from biencoder import checkpoint, corpus, environment, final, predictions
from biencoder.checkpoint import State
from biencoder.corpus import Corpus
from biencoder.embedding import Tokens, embed
from biencoder.evaluation import K
from biencoder.model import BiEncoder
from biencoder.neighbors import nearest


@dataclass(frozen=True)
class SavedModel:
    """A checkpoint, ready to use on a device."""

    model: BiEncoder
    tokenizer: Any
    state: State
    device: torch.device

    @classmethod
    def load(cls, reference: str, checkpoint_dir: Path, device_name: str) -> "SavedModel":
        """Raises `RunError` where there is no such checkpoint or device."""
        device = environment.device(device_name)
        folder = checkpoint.find(reference, checkpoint_dir)
        return cls(*checkpoint.load(folder, device), device)

    def evaluate(self, data_dir: Path | None, split: str | None, trec_dir: Path | None) -> None:
        """Print the figures of one split or all; TREC files go to a folder below `trec_dir`."""
        data = self._corpus(data_dir)
        results = []
        for one in data.splits:
            if split in (None, one.name):
                embeddings = embed(self.model, self._tokens(one.texts), self.device, one.name)
                results.append(final.evaluate(one, data, embeddings, self.model))
        print(f"{self.state.run_id}, epoch {self.state.progress.epoch}")
        print(final.figures(results))
        if trec_dir is not None:
            folder = trec_dir / f"{self.state.run_id}.trec"
            for result in results:
                predictions.write_trec(result.predictions, self.state.run_id, folder)
            print(f"TREC run and qrels files are in {folder}")

    def retrieve(self, text: str, top: int, data_dir: Path | None) -> None:
        """Print the `top` counter-arguments to `text` that the corpus holds, best first."""
        data = self._corpus(data_dir)
        where: dict[str, tuple[str, str]] = {}
        for split in data.splits:
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
        kept = rows[0] >= 0
        rows_of_texts = torch.from_numpy(rows[0][kept]).to(self.device)
        with torch.no_grad():
            scores = self.model.pair_score(
                found.sim[:1].expand(len(rows_of_texts), -1),
                found.h[:1].expand(len(rows_of_texts), -1),
                found.sim[rows_of_texts],
                found.h[rows_of_texts],
            )
        probabilities = torch.sigmoid(scores).cpu().numpy()
        order = np.argsort(-scores.cpu().numpy(), kind="stable")[:top]
        for place, candidate in enumerate(order, start=1):
            row = rows[0][candidate]
            print(
                f"{place}. probability {probabilities[candidate]:.3f}, "
                f"distance {distances[0][candidate]:.3f}  {names[row]}"
            )
            print(textwrap.indent(textwrap.fill(texts[row], 96), "   "))

    def _corpus(self, data_dir: Path | None) -> Corpus:
        config = self.state.config
        return corpus.load(data_dir or config.data_dir, config.leaked_pairs)

    def _tokens(self, texts: list[str]) -> Tokens:
        return Tokens(texts, self.tokenizer, self.state.config.max_length)
