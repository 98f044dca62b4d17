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

Rows = npt.NDArray[np.int64]

#: Tokens, padding included, that pass through the encoder at once, by kind of device. That bounds
#: memory at any text length; on a CPU what is in work should also fit into its caches.
GROUP_TOKENS = {"cpu": 1_024}
GROUP_TOKENS_ELSEWHERE = 8_192


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

    def batch(self, rows: Rows, device: torch.device) -> tuple[Tensor, Tensor]:
        """(input_ids, attention_mask), [B, L] each, of the texts numbered `rows`."""
        chosen = [self.ids[row] for row in rows]
        input_ids = torch.nn.utils.rnn.pad_sequence(chosen, True, self.pad_id)
        lengths = torch.from_numpy(self.lengths[rows])
        mask = (torch.arange(input_ids.shape[1]) < lengths[:, None]).long()
        if device.type == "cuda":  # from pinned memory the copy need not be waited for
            input_ids, mask = input_ids.pin_memory(), mask.pin_memory()
        return input_ids.to(device, non_blocking=True), mask.to(device, non_blocking=True)

    def groups(
        self, rows: Rows, device: torch.device
    ) -> tuple[list[tuple[Tensor, Tensor]], Tensor]:
        """The texts numbered `rows` in batches of like length.

        Returns the batches, and where in their sequence each of `rows` stands, [len(rows)].
        """
        groups = by_length(self.lengths[rows], device)
        places = torch.from_numpy(np.argsort(np.concatenate(groups)))
        return [self.batch(rows[group], device) for group in groups], places.to(device)


def by_length(lengths: npt.NDArray[np.int64], device: torch.device) -> list[Rows]:
    """Texts in groups of like length, which wastes no work on padding and changes no result."""
    limit = GROUP_TOKENS.get(device.type, GROUP_TOKENS_ELSEWHERE)
    longest_first = np.argsort(lengths, kind="stable")[::-1]  # so that memory peaks early
    groups, start = [], 0
    while start < len(longest_first):
        count = max(1, limit // lengths[longest_first[start]])
        groups.append(longest_first[start : start + count])
        start += count
    return groups


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
    batches = by_length(tokens.lengths, device)
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
