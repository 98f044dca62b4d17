"""Rescores candidates by the pair head of the model in this folder.

Needs torch, safetensors and sentence-transformers alone; README.md beside it has a whole example.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor


def embed(model: Any, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Embed T texts by the SentenceTransformer of this folder: (sim [T, 128], pooled [T, H]).

    `sim` is what `model.encode` gives and distances are measured on; `pooled` is the encoder's
    vector, before the last Dense layer, which the pair head needs, too.
    """
    from sentence_transformers import SentenceTransformer

    modules = list(model)
    projection = max(n for n, module in enumerate(modules) if type(module).__name__ == "Dense")
    encoder = SentenceTransformer(modules=modules[:projection], device=str(model.device))
    pooled = encoder.encode(list(texts), convert_to_tensor=True)
    features = {"sentence_embedding": pooled}
    with torch.no_grad():
        for module in modules[projection:]:
            features = module(features)
    return features["sentence_embedding"], pooled


class PairHead:
    """The pair head: judges whether a candidate is the counter-argument to a point."""

    def __init__(self, folder: str | Path) -> None:
        with safe_open(Path(folder) / "pair_head.safetensors", "pt") as file:
            self.weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            settings = json.loads(file.metadata()["settings"])
        self.fusion, self.relu = settings["fusion"], settings["relu"]

    def log_odds(self, point: tuple[Tensor, Tensor], texts: tuple[Tensor, Tensor]) -> Tensor:
        """Score T texts against one point, or against T points: the log-odds of "is the counter".

        Each side is (sim [..., 128], pooled [..., H]) as `embed` gives; returns [T].
        """
        sides = [torch.broadcast_tensors(*pair) for pair in zip(point, texts, strict=True)]
        (sim_p, sim_t), (pooled_p, pooled_t) = sides
        parts = []
        if self.fusion != "only_cls":
            parts += [sim_p, sim_t, (sim_p - sim_t).abs()]
        if self.fusion != "only_embedding":
            h_p, h_t = self._norm(pooled_p), self._norm(pooled_t)
            parts += [h_p, h_t, (h_p - h_t).abs()]
        features = torch.cat(parts, dim=-1)
        features = features.relu() if self.relu else features
        weight, bias = (self.weights[f"head.{name}"].to(features) for name in ("weight", "bias"))
        logits = features @ weight.T + bias
        return logits[..., 1] - logits[..., 0]

    def _norm(self, pooled: Tensor) -> Tensor:
        if "pooled_norm.weight" not in self.weights:  # trained without LayerNorm
            return pooled
        weight, bias = (
            self.weights[f"pooled_norm.{name}"].to(pooled) for name in ("weight", "bias")
        )
        return torch.nn.functional.layer_norm(pooled, weight.shape, weight, bias)
