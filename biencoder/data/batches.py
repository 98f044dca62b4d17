"""Draws the batches of an epoch, and makes of each what one process needs."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from biencoder.arrays import Ints
from biencoder.data.corpus import Split
from biencoder.data.tokens import Group, Tokens, by_length
from biencoder.runtime import distributed


def epoch_batches(
    split: Split, batch_size: int, seed: int, epoch: int, *, by_debate: bool
) -> Iterator[Ints]:
    """Yield the rows of an epoch's batches, B each (one may be shorter): every pair once, in an
    order that depends on seed and epoch alone.

    With `by_debate` the pairs of one debate come next to each other, and so do the debates of one
    domain: texts on one subject are the hardest in-batch negatives. Where no debate is told, pairs
    that share a text are one.
    """
    rng = np.random.default_rng([seed, epoch, 0])
    order = rng.permutation(len(split))
    starts = np.arange(0, len(order), batch_size)
    if by_debate:
        domain = split.pairs.groupby("domain").ngroup().to_numpy()
        debate = split.debates
        shuffled = rng.permutation(debate.max() + 1)
        order = order[np.lexsort([shuffled[debate[order]], domain[order]])]
        rng.shuffle(starts)
    for first in starts:
        yield order[first : first + batch_size]


class Batch(NamedTuple):
    """The texts of a batch's triplets, each distinct one once, as one process needs them.

    Four ways to number a text meet here, each an index into the next one's list:

        pair 0 … B−1 of the batch       its point, counter and negative: `texts` [R, B]
          → text id 0 … T−1             of the split, `Split.texts`
            → candidate 0 … C−1         of the batch's distinct texts, by all processes
              → vector 0 … D−1          of the texts that this process encodes, in `groups`' order

    R is 3, or 2 where no negative is used. `groups` holds the texts that this process encodes, like
    lengths together, and `lengths` [D] their tokens. `triplets` [R, B'] are the vectors of its own
    B' pairs. Each candidate is given by one process: this one gives the vectors `given` as the
    candidates `given_as`.
    `positives` [B'] are the counters of its own pairs among the candidates, `masked`
    [B', C] the points' other own texts.
    """

    groups: list[Group]
    lengths: Ints
    triplets: Tensor
    given: Tensor
    given_as: Tensor
    candidate_count: int
    positives: Tensor
    masked: Tensor


def make_batch(texts: Ints, split: Split, tokens: Tokens, device: torch.device) -> Batch:
    """Make this process' part of the triplets `texts` [R, B]: points, counters, perhaps negatives.

    A process without a pair takes part with the first one, since the others wait for its
    gradients.
    """
    own = distributed.shard(texts.shape[1])
    candidates, first, number = np.unique(texts, return_index=True, return_inverse=True)
    number = number.reshape(texts.shape)
    # A text that several pairs have is given by the process of the first.
    gives = np.flatnonzero(np.isin(first % texts.shape[1], own))
    own_numbers = number[:, own if len(own) else [0]]
    points, counters = candidates[own_numbers[:2]]
    masked = split.is_own(points[:, None], candidates) & (candidates != counters[:, None])
    encoded = np.unique(own_numbers)
    lengths = tokens.lengths[candidates[encoded]]
    together = by_length(lengths, device)
    vector_of = np.argsort(np.concatenate(together))
    groups, (triplets, given, given_as, positives, is_masked) = tokens.groups(
        [candidates[encoded[places]] for places in together],
        [
            vector_of[np.searchsorted(encoded, own_numbers)],
            vector_of[np.searchsorted(encoded, gives)],
            gives,
            own_numbers[1],
            masked.astype(np.int64),
        ],
        device,
    )
    return Batch(
        groups=groups,
        lengths=lengths,
        triplets=triplets,
        given=given,
        given_as=given_as,
        candidate_count=len(candidates),
        positives=positives,
        masked=is_masked.bool(),
    )
