"""Tokenises texts once, and groups them by length into padded batches."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from biencoder.errors import EncoderError

Rows = npt.NDArray[np.int64]

#: Tokens, padding included, that pass through the encoder at once, by kind of device. That bounds
#: memory at any text length; on a CPU what is in work should also fit into its caches.
GROUP_TOKENS = {"cpu": 1_024}
GROUP_TOKENS_ELSEWHERE = 8_192

#: Characters that a token stands for at most, generously. What follows `max_length` times as many
#: is cut off before tokenising, which would otherwise take minutes for a book.
LONGEST_TOKEN = 100


#: Share of unknown tokens beyond which a tokenizer is not the corpus' own.
MOST_UNKNOWN = 0.05


class Tokens:
    """Token ids of a list of texts, padded to the longest of a batch alone."""

    def __init__(self, texts: Sequence[str], tokenizer: Any, max_length: int) -> None:
        self.pad_id = tokenizer.pad_token_id or 0
        self.longest = max_length * LONGEST_TOKEN
        begun = [text[: self.longest] for text in texts]
        encoded = tokenizer(begun, truncation=True, max_length=max_length)
        self.ids = [torch.tensor(ids) for ids in encoded["input_ids"]]
        self.lengths = np.array([len(ids) for ids in self.ids])
        self.texts, self.tokenizer, self.max_length = texts, tokenizer, max_length

    def truncation(self) -> dict[str, float]:
        """Measure truncation: the share of texts that are cut, the share of all tokens lost by it,
        and how many texts have the same tokens as another one.
        """
        full = self.lengths.copy()
        long = np.flatnonzero(full >= self.max_length)
        if len(long):
            texts = [self.texts[int(row)] for row in long]
            begun = self.tokenizer([text[: self.longest] for text in texts], verbose=False)
            # Beyond what is tokenised, texts go on as they began.
            full[long] = [
                len(ids) * len(text) / min(len(text), self.longest)
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

    def batch(self, rows: Rows, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return (input_ids, attention_mask), [B, L] each, of the texts with the given rows."""
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
        """Split the texts with the given rows into padded batches of like length.

        Returns the batches, and where in their sequence each of `rows` stands, [len(rows)].
        """
        groups = by_length(self.lengths[rows], device)
        places = torch.from_numpy(np.argsort(np.concatenate(groups)))
        return [self.batch(rows[group], device) for group in groups], places.to(device)


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


def by_length(lengths: npt.NDArray[np.int64], device: torch.device) -> list[Rows]:
    """Group texts of like length, which avoids padding and changes no result."""
    limit = GROUP_TOKENS.get(device.type, GROUP_TOKENS_ELSEWHERE)
    longest_first = np.argsort(lengths, kind="stable")[::-1]  # so that memory peaks early
    groups, start = [], 0
    while start < len(longest_first):
        count = max(1, limit // lengths[longest_first[start]])
        groups.append(longest_first[start : start + count])
        start += count
    return groups
