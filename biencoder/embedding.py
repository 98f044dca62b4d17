"""Texts → token ids → embeddings, each distinct text once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from tqdm import tqdm

from biencoder import processes
from commandline import RunError

#: Tokens, padding included, that one embedding batch may hold: bounds memory at any text length.
BATCH_TOKENS = 8_192


@dataclass(frozen=True)
class Embeddings:
    """One row a text: `sim` [T, 128] for distances, `h` [T, H] for the pair head, float32."""

    sim: Tensor
    h: Tensor


class NotFiniteError(RunError):
    """A model that gives embeddings without a place: not a number, or infinite."""


class Tokens:
    """The token ids of a list of texts, made once and padded only to the batch at hand."""

    def __init__(self, texts: Sequence[str], tokenizer: Any, max_length: int) -> None:
        self.pad_id = tokenizer.pad_token_id or 0
        encoded = tokenizer(list(texts), truncation=True, max_length=max_length)
        self.ids = [torch.tensor(ids) for ids in encoded["input_ids"]]
        self.lengths = np.array([len(ids) for ids in self.ids])

    def batch(self, rows: npt.NDArray[np.int64], device: torch.device) -> tuple[Tensor, Tensor]:
        """(input_ids, attention_mask), [B, L] each, of the texts numbered `rows`."""
        chosen = [self.ids[row] for row in rows]
        input_ids = torch.nn.utils.rnn.pad_sequence(chosen, True, self.pad_id)
        lengths = torch.from_numpy(self.lengths[rows])
        mask = torch.arange(input_ids.shape[1]) < lengths[:, None]
        return input_ids.to(device), mask.long().to(device)


@torch.no_grad()
def embed(
    model: nn.Module,
    tokens: Tokens,
    device: torch.device,
    label: str,
    heed: Callable[[], None] = lambda: None,
) -> Embeddings:
    """Embed every text by a model that returns (sim, h), without dropout; stays on `device`.

    The processes of a run share the batches, and each gets all embeddings; `heed` is called after
    every round of them. Raises `NotFiniteError`.
    """
    model.eval()
    batches = _batches(tokens.lengths)
    own = [batches[number] for number in processes.share(len(batches))]
    sim, h = [], []
    quiet = None if processes.leads() else True
    texts = sum(map(len, own))
    with tqdm(total=texts, desc=label, unit="text", leave=False, disable=quiet) as bar:
        for turn in range(-(-len(batches) // processes.count())):
            if turn < len(own):
                batch_sim, batch_h = model(*tokens.batch(own[turn], device))
                sim.append(batch_sim)
                h.append(batch_h)
                bar.update(len(own[turn]))
            heed()
    rows = torch.from_numpy(np.concatenate([np.empty(0, np.int64), *own])).to(device)
    total = len(tokens.lengths)
    embeddings = Embeddings(_of_all(sim, rows, total), _of_all(h, rows, total))
    if not bool(torch.isfinite(embeddings.sim).all() & torch.isfinite(embeddings.h).all()):
        raise NotFiniteError(f"the model's embeddings of {label} are not finite")
    return embeddings


def _of_all(parts: list[Tensor], rows: Tensor, total: int) -> Tensor:
    """The vectors of all texts, [total, D], from those of `rows` that this process has made."""
    width = processes.greatest(parts[0].shape[1] if parts else 0)
    vectors = torch.zeros(total, width, device=rows.device)
    if parts:
        vectors[rows] = torch.cat(parts).float()
    processes.combine(vectors)
    return vectors


def _batches(lengths: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    """Rows of like length together, which wastes no work on padding and changes no result."""
    by_length = np.argsort(lengths, kind="stable")[::-1]  # longest first: memory peaks early
    batches, start = [], 0
    while start < len(by_length):
        count = max(1, BATCH_TOKENS // lengths[by_length[start]])
        batches.append(by_length[start : start + count])
        start += count
    return batches
