"""Tokenises texts once, and groups them by length into padded batches."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from biencoder.arrays import Ints
from biencoder.data.upload import upload
from biencoder.errors import EncoderError, encoder_named

#: Token ids [B, L], and which of them are no padding, [B, L]; None where there is no padding.
Group = tuple[Tensor, Tensor | None]

#: Tokens, padding included, that pass through the encoder at once on a CPU. That bounds memory at
#: any text length; what is in work should also fit into its caches.
GROUP_TOKENS = 1_024

#: The same on a GPU, the largest that fits: large groups keep it busy.
GROUP_TOKENS_OF_GPUS = (32_768, 16_384, 8_192)

#: GPU memory that there must be per token of a group: three times what a token's graph takes in an
#: encoder of BERT-base's size in bfloat16.
BYTES_A_TOKEN = 2_000_000

#: Characters that a token stands for at most, generously. What follows `max_length` times as many
#: is cut off before tokenising, which would otherwise take minutes for a book.
LONGEST_TOKEN = 100

#: A tokenizer to which more than this share of the tokens is unknown does not fit the corpus.
MOST_UNKNOWN = 0.05


class Tokens:
    """Token ids of a list of texts, padded to the longest of a batch alone."""

    def __init__(self, texts: Sequence[str], tokenizer: Any, max_length: int) -> None:
        self.pad_id = tokenizer.pad_token_id or 0
        self.most_characters = max_length * LONGEST_TOKEN
        begun = [text[: self.most_characters] for text in texts]
        with encoder_named(lambda error: f"the encoder's tokenizer fails at these texts: {error}"):
            encoded = tokenizer(begun, truncation=True, max_length=max_length)
        self.ids = [np.array(ids, np.int64) for ids in encoded["input_ids"]]
        self.lengths = np.array([len(ids) for ids in self.ids])
        self.texts, self.tokenizer, self.max_length = texts, tokenizer, max_length

    def digest(self) -> str:
        """Hash the token ids of all texts, 16 hexadecimal digits."""
        content = hashlib.sha256(self.lengths.tobytes())
        for ids in self.ids:
            content.update(ids.tobytes())
        return content.hexdigest()[:16]

    def truncation(self) -> dict[str, float]:
        """Measure truncation: the share of texts that are cut, the share of all tokens lost by it,
        and how many texts have the same tokens as another one.
        """
        full = self.lengths.copy()
        long = np.flatnonzero(full >= self.max_length)
        if len(long):
            texts = [self.texts[int(row)] for row in long]
            begun = self.tokenizer([text[: self.most_characters] for text in texts], verbose=False)
            # A tokenizer is saved with the settings of its last call: back to those of `__init__`.
            self.tokenizer([""], truncation=True, max_length=self.max_length)
            # What is too long to be tokenised is taken to hold as many tokens a character.
            full[long] = [
                len(ids) * len(text) / min(len(text), self.most_characters)
                for ids, text in zip(begun["input_ids"], texts, strict=True)
            ]
        sequences = Counter(tuple(ids.tolist()) for ids in self.ids)
        return {
            "texts_cut": float((full > self.lengths).mean()),
            "tokens_lost": 1 - float(self.lengths.sum() / full.sum()),
            "texts_alike": sum(count for count in sequences.values() if count > 1),
        }

    def unknown(self) -> float:
        """Measure the share of tokens that the tokenizer has no word for, 0 to 1."""
        unknown_id = getattr(self.tokenizer, "unk_token_id", None)
        if unknown_id is None:
            return 0.0
        return sum(int((ids == unknown_id).sum()) for ids in self.ids) / int(self.lengths.sum())

    def batch(self, rows: Ints, device: torch.device) -> Group:
        """Return the texts with the given rows as one group."""
        (group,) = self.groups([rows], [], device)[0]
        return group

    def groups(
        self, groups: Sequence[Ints], others: Sequence[Ints], device: torch.device
    ) -> tuple[list[Group], list[Tensor]]:
        """Return the texts with the given rows, group by group, and `others` as they are, all of
        them copied to the device together.
        """
        count, padded = len(groups), [self._padded(rows) for rows in groups]
        lengths = [self.lengths[rows] for rows in groups]
        uploaded = upload([*padded, *lengths, *others], device)
        masked = [
            (ids, _mask(ids, on_device) if np.ptp(of_group) else None)
            for of_group, ids, on_device in zip(
                lengths, uploaded[:count], uploaded[count : 2 * count], strict=True
            )
        ]
        return masked, uploaded[2 * count :]

    def _padded(self, rows: Ints) -> Ints:
        """Return the token ids of the texts with the given rows, [B, L]."""
        padded = np.full((len(rows), self.lengths[rows].max()), self.pad_id)
        for row, ids in zip(padded, (self.ids[row] for row in rows), strict=True):
            row[: len(ids)] = ids
        return padded


def _mask(input_ids: Tensor, lengths: Tensor) -> Tensor:
    return torch.arange(input_ids.shape[1], device=input_ids.device) < lengths[:, None]


def check_vocabulary(tokens: Mapping[str, Tokens], encoder: str) -> None:
    """Check that the tokenizer of `--encoder` knows the words of each split.

    Raises `EncoderError`: without its vocabulary a tokenizer makes every word [UNK].
    """
    for split, of_split in tokens.items():
        if (unknown := of_split.unknown()) > MOST_UNKNOWN:
            raise EncoderError(
                f"--encoder={encoder}: its tokenizer does not know {unknown:.0%} of the tokens of "
                f"{split} ([UNK]); is its vocabulary (tokenizer.json, vocab.txt) in the folder, "
                "and is it of the corpus' language?"
            )


def group_tokens(device: torch.device) -> int:
    """Choose how many tokens pass through the encoder at once."""
    if device.type == "cuda":
        memory = torch.cuda.get_device_properties(device).total_memory
        fitting = (tokens for tokens in GROUP_TOKENS_OF_GPUS if tokens * BYTES_A_TOKEN <= memory)
        return next(fitting, GROUP_TOKENS_OF_GPUS[-1])
    return GROUP_TOKENS


def by_length(lengths: Ints, device: torch.device) -> list[Ints]:
    """Group texts of like length, which avoids padding and changes no result."""
    limit = group_tokens(device)
    longest_first = np.argsort(lengths, kind="stable")[::-1]  # so that memory peaks early
    groups, start = [], 0
    while start < len(longest_first):
        count = max(1, limit // lengths[longest_first[start]])
        groups.append(longest_first[start : start + count])
        start += count
    return groups
