"""The floor that every trained model is shown against: the pretrained encoder as it comes.

Its pooled vector stands in for the similarity embedding, compared by cosine; there is no pair head,
so the nearest candidate is the answer.
"""

from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from biencoder import corpus, encoder, environment, final
from biencoder.embedding import Embeddings, Tokens, encode
from biencoder.model import pooled_vector


class NearestAlone:
    """A scorer that finds all candidates alike, so that the order of distance stays."""

    def pair_score(self, sim_a: Tensor, h_a: Tensor, sim_b: Tensor, h_b: Tensor) -> Tensor:
        """Sides [P, H] each → zeros [P]."""
        return sim_a.new_zeros(len(sim_a))


def embeddings(pooled: Tensor) -> Embeddings:
    """Pooled vectors [T, H] at unit length, where Euclidean distance orders as cosine does."""
    unit = torch.nn.functional.normalize(pooled)
    return Embeddings(unit, unit)


def evaluate(
    encoder_name: str,
    layers: int | None,
    pooling: str,
    max_length: int,
    data_dir: Path | None,
    split: str | None,
    device_name: str,
) -> None:
    """Print an untrained encoder's figures on one split or all, in all eight pools."""
    device = environment.device(device_name)
    data = corpus.load(data_dir, leaked_pairs="keep")  # nothing is trained: nothing leaks
    pretrained, tokenizer = encoder.load(encoder_name, pooling, max_length, layers)
    pooled = partial(pooled_vector, pretrained.to(device), pooling=pooling)
    kept = "" if layers is None else f", first {layers} layers"
    print(f"{encoder_name}{kept}, {pooling} pooling, {max_length} tokens, no training")
    results = []
    for one in data.splits:
        if split in (None, one.name):
            tokens = Tokens(one.texts, tokenizer, max_length)
            found = embeddings(encode(pooled, tokens, device, one.name))
            results.append(final.evaluate(one, data, found, NearestAlone()))
    print(final.figures(results))
