"""The four configurations under comparison: a variant is two switches and its names."""

from typing import NamedTuple


class Variant(NamedTuple):
    """LayerNorm on the two vectors that leave the encoder; ReLU on the pair head's features."""

    layernorm: bool
    relu: bool


#: Canonical name → switches. `without_layernorm_relu` is the baseline.
VARIANTS = {
    "with_layernorm_relu": Variant(layernorm=True, relu=True),
    "with_layernorm": Variant(layernorm=True, relu=False),
    "with_relu": Variant(layernorm=False, relu=True),
    "without_layernorm_relu": Variant(layernorm=False, relu=False),
}

#: Second names, which logs and plots never show.
ALIASES = {"without_relu": "with_layernorm", "without_layernorm": "with_relu"}


def canonical_name(layernorm: bool, relu: bool) -> str:
    """The one name under which logs and plots show this pair of switches."""
    return next(name for name, variant in VARIANTS.items() if variant == (layernorm, relu))
