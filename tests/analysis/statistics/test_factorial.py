"""`analysis.statistics.factorial`: what LayerNorm and ReLU do, from four cells or fewer."""

from pathlib import Path

import numpy as np
import pytest

from analysis.statistics.effects import difference, effects
from analysis.statistics.factorial import (
    CELLS,
    CONTRASTS,
    design_effects,
    simple_effects,
)

#: Hits of the twelve runs of version 0.1, [4, 3, Q] as bits in the order of CELLS and seeds, and
#: the cluster of each query by debate titles and equal texts, [Q].
FORMER = Path(__file__).with_name("published_runs.npz")

NEITHER, RELU, LAYERNORM, BOTH = CELLS


def published(split):
    """The hits of those runs, [4, 3, Q], and the cluster of each query, [Q]."""
    with np.load(FORMER) as file:
        clusters = file[f"{split}_clusters"]
        hits = np.unpackbits(file[f"{split}_hits"], axis=-1, count=len(clusters))
    return hits, clusters


@pytest.mark.parametrize(
    ("split", "points"),
    [
        (
            "validation",
            {
                "LayerNorm": (0.71, -0.39, 1.81),
                "ReLU": (0.51, -0.08, 1.09),
                "interaction": (-0.03, -1.06, 1.01),
            },
        ),
        (
            "test",
            {
                "LayerNorm": (0.84, -1.25, 2.94),
                "ReLU": (1.13, 0.53, 1.73),
                "interaction": (1.45, 0.28, 2.62),
            },
        ),
    ],
)
def test_the_effects_of_the_runs_of_version_0_1_stay_as_they_are(split, points):
    found = effects(CONTRASTS, *published(split))
    assert [effect.name for effect in found] == list(points)
    for effect in found:
        ours = [100 * figure for figure in (effect.estimate, effect.low, effect.high)]
        assert ours == pytest.approx(points[effect.name], abs=0.05)


def shares(neither, relu, layernorm, both, seeds=(0, 1, 2)):
    """Cells whose runs reach these numbers, each a little more with a later seed."""
    values = (neither, relu, layernorm, both)
    return {
        cell: {seed: value + seed * (1 + place) / 1000 for seed in seeds}
        for place, (cell, value) in enumerate(zip(CELLS, values, strict=True))
    }


def estimates(found):
    return {effect.name: pytest.approx(effect.estimate) for effect in found}


def test_a_factor_is_averaged_over_the_other_and_an_interaction_is_a_difference_of_differences():
    found = design_effects(shares(0.10, 0.13, 0.20, 0.28, seeds=(0,)))
    assert estimates(found) == {"LayerNorm": 0.125, "ReLU": 0.055, "interaction": 0.05}


def test_a_complete_design_goes_by_the_seeds_that_all_cells_have():
    hits, labels = published("test")
    design = {cell: dict(enumerate(runs)) for cell, runs in zip(CELLS, hits, strict=True)}
    design[RELU] = {2: hits[1, 2], 0: hits[1, 0], 9: hits[1, 1]}
    assert design_effects(design, labels) == effects(CONTRASTS, hits[:, [0, 2]], labels)


def test_with_three_cells_each_factor_is_estimated_where_the_other_is_constant():
    design = shares(0.10, 0.13, 0.20, 0.28)
    del design[LAYERNORM]
    found = design_effects(design)
    assert estimates(found) == {
        "LayerNorm (ReLU on)": 0.28 - 0.13 + 0.002,
        "ReLU (LayerNorm off)": 0.03 + 0.001,
    }
    assert all(effect.p is not None for effect in found)


def test_two_cells_that_differ_in_both_factors_say_nothing_of_either():
    design = shares(0.10, 0.13, 0.20, 0.28)
    assert design_effects({cell: design[cell] for cell in (NEITHER, BOTH)}) == ()


def test_a_simple_effect_is_the_difference_of_its_two_cells_over_their_own_seeds():
    hits, labels = published("validation")
    design = {BOTH: dict(enumerate(hits[3])), RELU: {2: hits[1, 2], 1: hits[1, 1]}}
    found = simple_effects(design, labels)
    assert found == difference("LayerNorm (ReLU on)", design[BOTH], design[RELU], labels)
    assert found[0].seeds == 2


def test_four_cells_without_a_seed_of_all_have_simple_effects():
    design = shares(0.10, 0.13, 0.20, 0.28)
    design[BOTH] = {7: 0.3}
    assert set(estimates(design_effects(design))) == {
        "LayerNorm (ReLU off)",
        "ReLU (LayerNorm off)",
    }


def test_no_runs_have_no_effects():
    assert design_effects({}) == design_effects({NEITHER: {0: 0.1}}) == ()
