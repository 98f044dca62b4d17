"""Texts → token ids → embeddings, each distinct text once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from tqdm import tqdm

#: Tokens, padding included, that one embedding batch may hold: bounds memory at any text length.
BATCH_TOKENS = 8_192


@dataclass(frozen=True)
class Embeddings:
    """One row a text: `sim` [T, 128] for distances, `h` [T, H] for the pair head, float32."""

    sim: Tensor
    h: Tensor

    @property
    def vectors(self) -> npt.NDArray[np.float32]:
        """`sim` for a neighbour search on the host, [T, 128]."""
        return self.sim.cpu().numpy()


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
def embed(model: nn.Module, tokens: Tokens, device: torch.device, label: str) -> Embeddings:
    """Embed every text by a model that returns (sim, h), without dropout; stays on `device`.

    Texts of like length share a batch, which wastes no work on padding and changes no result.
    """
    model.eval()
    by_length = np.argsort(tokens.lengths, kind="stable")[::-1]  # longest first: memory peaks early
    sim, h = [], []
    with tqdm(total=len(by_length), desc=label, unit="text", leave=False, disable=None) as bar:
        start = 0
        while start < len(by_length):
            count = max(1, BATCH_TOKENS // tokens.lengths[by_length[start]])
            rows = by_length[start : start + count]
            batch_sim, batch_h = model(*tokens.batch(rows, device))
            sim.append(batch_sim)
            h.append(batch_h)
            start += len(rows)
            bar.update(len(rows))
    as_given = torch.from_numpy(np.argsort(by_length)).to(device)
    return Embeddings(torch.cat(sim)[as_given].float(), torch.cat(h)[as_given].float())
