"""Encodes texts into pooled vectors and embeddings, each distinct text once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from biencoder.arrays import Ints
from biencoder.data.tokens import Tokens, by_length
from biencoder.errors import NotFiniteError
from biencoder.model.biencoder import BiEncoder
from biencoder.runtime import distributed
from biencoder.runtime.console import progress


@dataclass(frozen=True)
class Embeddings:
    """One row a text: `sim` [T, S] for distances, `h` [T, H] for the pair head, float32."""

    sim: Tensor
    h: Tensor

    def take(self, rows: Ints) -> "Embeddings":
        """Select rows, on the device of `sim`; `h` may lie elsewhere, as on disk."""
        ids, device = torch.from_numpy(rows), self.sim.device
        return Embeddings(self.sim[ids.to(device)], self.h[ids.to(self.h.device)].to(device))


@torch.no_grad()
def embed(
    model: BiEncoder,
    tokens: Tokens,
    device: torch.device,
    label: str,
    after_round: Callable[[], None] = lambda: None,
) -> Embeddings:
    """Embed every text. Raises `NotFiniteError` for NaN or infinity."""
    embeddings = Embeddings(*model.project(encode(model, tokens, device, label, after_round)))
    if not bool(torch.isfinite(embeddings.sim).all() & torch.isfinite(embeddings.h).all()):
        raise NotFiniteError(f"the model's embeddings of {label} contain NaN or infinity")
    return embeddings


@torch.no_grad()
def encode(
    model: BiEncoder,
    tokens: Tokens,
    device: torch.device,
    label: str,
    after_round: Callable[[], None] = lambda: None,
) -> Tensor:
    """Encode every text into pooled vectors [T, H] on `device`.

    The processes of a run share the batches, and each gets all vectors; `after_round` is called
    after every round of them.
    """
    batches = by_length(tokens.lengths, device)
    own = [batches[number] for number in distributed.shard(len(batches))]
    parts = []
    with progress(f"encoding {label}", sum(map(len, own)), "text") as bar:
        for turn in range(-(-len(batches) // distributed.world_size())):
            if turn < len(own):
                parts.append(model.pooled(*tokens.batch(own[turn], device)))
                bar.update(len(own[turn]))
            after_round()
    rows = torch.from_numpy(np.concatenate([np.empty(0, np.int64), *own])).to(device)
    vectors = torch.cat(parts) if parts else torch.empty(0, 0, device=device)
    return distributed.all_gather_rows(vectors, rows, len(tokens.lengths))
