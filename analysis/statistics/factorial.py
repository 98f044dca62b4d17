"""Estimates what LayerNorm and ReLU do, from the runs of a 2 × 2 factorial design.

The questions are three, not six pairs: what each factor does, averaged over the other, and whether
the one depends on the other. Every run takes part in all three answers. Where a cell has no runs,
simple effects are left: those of a factor at one level of the other. They also explain an
interaction.
"""

from collections.abc import Mapping

from analysis.statistics.effects import (
    Cell,
    Contrasts,
    Effect,
    Labels,
    difference,
    effects,
    over_shared_seeds,
)

#: Whether LayerNorm and ReLU are on.
Factors = tuple[bool, bool]

#: The order of cells: neither, ReLU, LayerNorm, both.
CELLS: tuple[Factors, ...] = ((False, False), (False, True), (True, False), (True, True))

#: The interaction is what a factor does where the other is on, less what it does where it is off.
CONTRASTS: Contrasts = {
    "LayerNorm": (-0.5, -0.5, 0.5, 0.5),
    "ReLU": (-0.5, 0.5, -0.5, 0.5),
    "interaction": (1, -1, -1, 1),
}

#: Simple effect → the cells where its factor is on and off.
SIMPLE: dict[str, tuple[Factors, Factors]] = {
    "LayerNorm (ReLU off)": ((True, False), (False, False)),
    "LayerNorm (ReLU on)": ((True, True), (False, True)),
    "ReLU (LayerNorm off)": ((False, True), (False, False)),
    "ReLU (LayerNorm on)": ((True, True), (True, False)),
}

#: The runs of each cell; one that is missing has none.
Design = Mapping[Factors, Cell]


def simple_effects(design: Design, clusters: Labels | None = None) -> tuple[Effect, ...]:
    """Estimate each factor at each level of the other, where both cells share a seed."""
    return tuple(
        effect
        for name, (on, off) in SIMPLE.items()
        for effect in difference(name, design.get(on, {}), design.get(off, {}), clusters)
    )


def design_effects(design: Design, clusters: Labels | None = None) -> tuple[Effect, ...]:
    """Estimate the three effects over the seeds of all four cells; without any, simple effects."""
    values = over_shared_seeds([design.get(cell, {}) for cell in CELLS])
    return effects(CONTRASTS, values, clusters) or simple_effects(design, clusters)
