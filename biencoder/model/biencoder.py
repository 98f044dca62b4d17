"""The bi-encoder: one shared encoder, a similarity embedding, and a head that judges pairs."""

from typing import Any

import torch
from torch import Tensor, nn

from biencoder.config import Config
from biencoder.model.pooling import pooled_vector

SIMILARITY_SIZE = 128

CPU = torch.device("cpu")

#: The `fusion` names → whether the pair head is fed each of (sim, h).
FUSIONS = {"concatenated": (True, True), "only_embedding": (True, False), "only_cls": (False, True)}


class BiEncoder(nn.Module):
    """Both sides of a pair pass through the same encoder.

    Shapes: B texts, L tokens, H the encoder's hidden size, S = 128 the similarity size.
    The switches add or leave out a step and draw no random number, so that models of one seed
    share every initial parameter, whatever their switches.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        pooling: str,
        layernorm: bool,
        relu: bool,
        fusion: str,
        hubness_weight: float = 0.0,
        precision: str = "float32",
    ) -> None:
        super().__init__()
        self.encoder: Any = encoder
        config: Any = encoder.config
        hidden: int = config.hidden_size
        self.pooling = pooling
        self.fusion = fusion
        self.hubness_weight = hubness_weight
        self.precision = precision
        self.similarity = nn.Linear(hidden, SIMILARITY_SIZE)
        self.sim_norm = nn.LayerNorm(SIMILARITY_SIZE) if layernorm else nn.Identity()
        self.pooled_norm = nn.LayerNorm(hidden) if layernorm else nn.Identity()
        with_sim, with_pooled = FUSIONS[fusion]
        features = 3 * (SIMILARITY_SIZE * with_sim + hidden * with_pooled)
        # In place: the features are made for the head alone.
        self.activation = nn.ReLU(inplace=True) if relu else nn.Identity()
        self.head = nn.Linear(features, 2)

    def project(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """Project the encoder's pooled vectors [B, H] → (sim [B, S], h [B, H]).

        `sim` is the only vector that distances and neighbours use, `h` is the pooled vector. Both
        are computed in float32, whatever the encoder computes in.
        """
        return self.sim_norm(self.similarity(pooled)), self.pooled_norm(pooled)

    def pooled(
        self, input_ids: Tensor, attention_mask: Tensor | None, words: Tensor | None = None
    ) -> Tensor:
        """Token ids and mask, [B, L] each → the encoder's pooled vector as it is, [B, H].

        A mask of None says that there is no padding. `words` [B, L, E] are the word embeddings of
        the ids, where they were looked up before.
        """
        with self.autocast():
            return pooled_vector(self.encoder, input_ids, attention_mask, self.pooling, words)

    def autocast(self) -> torch.autocast:
        """Enter the encoder's precision; within one such block each weight is cast once."""
        in_bfloat16 = self.precision == "bfloat16"
        return torch.autocast(self.head.weight.device.type, torch.bfloat16, enabled=in_bfloat16)

    def pair_logits(self, sim_a: Tensor, h_a: Tensor, sim_b: Tensor, h_b: Tensor) -> Tensor:
        """Two sides, sim [..., S] and h [..., H] each → logits [..., 2]; class 1: "is the counter".

        The order matters: the point comes first. The two sides' leading dimensions broadcast.
        """
        features = pair_features(sim_a, h_a, sim_b, h_b, self.fusion)
        return self.head(self.activation(features))

    def pair_score(self, sim_a: Tensor, h_a: Tensor, sim_b: Tensor, h_b: Tensor) -> Tensor:
        """The log-odds of "is the counter", [...]: it ranks as the probability does, and where
        probabilities round to 1 it still tells two candidates apart.
        """
        logits = self.pair_logits(sim_a, h_a, sim_b, h_b)
        return logits[..., 1] - logits[..., 0]


def build(config: Config, encoder: Any, precision: str, device: torch.device = CPU) -> BiEncoder:
    """Build the model of a config around an encoder that is to compute in `precision` on `device`.

    It is returned on the CPU, for the caller to move, and in evaluation mode, in which it is
    trained, too: without dropout a step is quicker, and validation ends as high.
    """
    if precision == "bfloat16" and device.type == "cpu":
        # There the gradients of torch's fused attention take three times as long as those of plain
        # matrix products.
        encoder.set_attn_implementation("eager")
    model = BiEncoder(
        encoder,
        pooling=config.pooling,
        layernorm=config.layernorm,
        relu=config.relu,
        fusion=config.fusion,
        hubness_weight=config.hubness_weight,
        precision=precision,
    )
    return model.eval()


def pair_features(sim_a: Tensor, h_a: Tensor, sim_b: Tensor, h_b: Tensor, fusion: str) -> Tensor:
    """Concatenate the pair head's input: both sides and |a − b|, of sim, of h or of both."""
    with_sim, with_pooled = FUSIONS[fusion]
    sim_a, sim_b = torch.broadcast_tensors(sim_a, sim_b)
    h_a, h_b = torch.broadcast_tensors(h_a, h_b)
    parts = [sim_a, sim_b, (sim_a - sim_b).abs()] if with_sim else []
    parts += [h_a, h_b, (h_a - h_b).abs()] if with_pooled else []
    return torch.cat(parts, dim=-1)
