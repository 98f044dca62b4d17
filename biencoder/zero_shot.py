"""The floor that every trained model is shown against: a pretrained encoder as it comes.

Its pooled vector stands in for the similarity embedding, compared by cosine; there is no pair head,
so the nearest candidate is the answer.
"""

from pathlib import Path

from torch import Tensor, nn

from biencoder import corpus, encoder, environment, final
from biencoder.embedding import Tokens, embed
from biencoder.model import pooled_vector


class ZeroShot(nn.Module):
    """An encoder behind the interface of `BiEncoder`."""

    def __init__(self, pretrained: nn.Module, pooling: str) -> None:
        super().__init__()
        self.encoder = pretrained
        self.pooling = pooling

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Token ids and mask, [B, L] each → the pooled vector at unit length, [B, H], twice.

        At unit length the order by Euclidean distance is that by cosine.
        """
        pooled = pooled_vector(self.encoder, input_ids, attention_mask, self.pooling)
        unit = nn.functional.normalize(pooled)
        return unit, unit

    def anchor(self, sim: Tensor) -> Tensor:
        """The embedding itself."""
        return sim

    def pair_score(self, sim_a: Tensor, h_a: Tensor, sim_b: Tensor, h_b: Tensor) -> Tensor:
        """The negative distance: rescoring by it changes no order."""
        return -(sim_a - sim_b).norm(dim=-1)


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
    model = ZeroShot(pretrained, pooling).to(device)
    kept = "" if layers is None else f", first {layers} layers"
    print(f"{encoder_name}{kept}, {pooling} pooling, {max_length} tokens, no training")
    results = [
        final.evaluate(
            one,
            data,
            embed(model, Tokens(one.texts, tokenizer, max_length), device, one.name),
            model,
        )
        for one in data.splits
        if split in (None, one.name)
    ]
    print(final.figures(results))
