"""Splits and models made by hand: no test here needs a pretrained encoder."""

from dataclasses import dataclass
from types import SimpleNamespace

import pandas as pd
import torch
from torch import Tensor, nn

from biencoder.data.corpus import Split
from biencoder.data.raw_pairs import PAIR_KEY
from biencoder.model.biencoder import BiEncoder

HIDDEN = 6


def pair(
    split: str, number: int, point: str, counter: str, debate: str = "sport/running/pro"
) -> dict[str, str]:
    """The two files of a pair in a folder tree, for `write_corpus`."""
    stance = debate.rpartition("/")[2]
    stem = f"{split}/{debate}/{stance}{number:02}"
    return {f"{stem}a-point.txt": point, f"{stem}b-counter.txt": counter}


#: The files of a small corpus.
SMALL = {
    **pair("training", 1, "p1", "c1"),
    **pair("training", 2, "p2", "c2"),
    **pair("validation", 1, "p3", "c3"),
    **pair("test", 1, "p4", "c4"),
}


class ToyEncoder(nn.Module):
    """Token ids → states by one embedding table: the least that `BiEncoder` can share."""

    def __init__(self) -> None:
        super().__init__()
        self.config = SimpleNamespace(hidden_size=HIDDEN)
        self.states = nn.Embedding(50, HIDDEN)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> SimpleNamespace:
        states = self.states(input_ids)
        return SimpleNamespace(last_hidden_state=states, pooler_output=torch.tanh(states[:, 0]))


class WholeNumberHead:
    """Scores that are whole numbers, so that the order of computation cannot matter."""

    hubness_weight = 0.0

    def pair_score(self, sim_a: Tensor, h_a: Tensor, sim_b: Tensor, h_b: Tensor) -> Tensor:
        return ((3 * h_a + 5 * h_b).sum(-1) + (sim_a - sim_b).abs().sum(-1)) % 7


@dataclass(frozen=True)
class NearIsBetter:
    """Log-odds that fall with the distance."""

    hubness_weight: float = 0.0

    def pair_score(self, sim_a: Tensor, h_a: Tensor, sim_b: Tensor, h_b: Tensor) -> Tensor:
        return -(sim_a - sim_b).abs().sum(-1)


def make_model(**switches: object) -> BiEncoder:
    """A `BiEncoder` of one fixed seed over a `ToyEncoder`."""
    torch.manual_seed(0)
    settings = {"pooling": "mean", "layernorm": True, "relu": True, "fusion": "concatenated"}
    return BiEncoder(ToyEncoder(), **{**settings, **switches})


def make_split(pairs: list[tuple[str, str]], name: str = "training") -> Split:
    """A split whose pairs all stand in one debate, numbered in order."""
    rows = [("sport", "running", "pro", number, *texts) for number, texts in enumerate(pairs, 1)]
    return Split(name, pd.DataFrame(rows, columns=[*PAIR_KEY, "point", "counter"]))


class CharTokenizer:
    """A letter a token, numbered from 1."""

    pad_token_id = 0

    def __call__(
        self,
        texts: list[str],
        truncation: bool = False,
        max_length: int | None = None,
        verbose: bool = True,
    ) -> dict[str, list[list[int]]]:
        assert truncation == (max_length is not None)
        return {"input_ids": [[ord(c) % 40 + 1 for c in text[:max_length]] for text in texts]}
