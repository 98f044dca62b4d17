"""What the page of an exported model says."""

import polars as pl
import pytest

from analysis.statistics.intervals import wilson
from biencoder.config import Config
from biencoder.storage.model_card import model_card
from biencoder.storage.progress import Best, Progress, State

TOP1 = {"training": 0.722, "validation": 0.472, "test": 0.444}
ALONE = {"training": 0.7, "validation": 0.4, "test": 0.389}


@pytest.fixture
def state():
    best = Best(epoch=3, top1=TOP1, head_top1=ALONE)
    progress = Progress(epoch=3, best=best, untrained=dict.fromkeys(TOP1, 0.361))
    return State(run_id="mine", config=Config(leaked_pairs="drop"), progress=progress)


def test_it_carries_the_rules_the_configuration_and_what_was_dropped(state):
    card = model_card(state, {"training": 108, "validation": 36, "test": 36})
    assert '"variant": "with_layernorm_relu"' in card
    assert "dropped from training" in card
    assert "A text is not its own counter" in card


def test_each_figure_has_its_interval_the_pair_heads_own_and_the_untrained_encoders(state):
    points = {"training": 108, "validation": 36, "test": 1401}
    card = model_card(state, points)
    for split, share in TOP1.items():
        ends = pl.select(
            *(
                e.alias(n)
                for e, n in zip(wilson(pl.lit(share), pl.lit(points[split])), "ab", strict=True)
            )
        )
        low, high = ends.row(0)
        cell = f"{share:.1%} [{low:.1%}, {high:.1%}]"
        assert f"| {split} | {points[split]:,} | {cell} | {ALONE[split]:.1%} | 36.1% |" in card


def test_a_checkpoint_that_does_not_know_the_pair_heads_own_figures_is_described_without(state):
    state.progress.best.head_top1 = {}
    assert "] | – | 36.1% |" in model_card(state, {"training": 108, "validation": 36, "test": 36})


@pytest.mark.parametrize(("share", "end"), [(0.0, "[0.0%, "), (1.0, ", 100.0%]")])
def test_an_interval_stays_within_0_and_1(state, share, end):
    state.progress.best = Best(top1={"test": share}, head_top1={"test": share})
    assert end in model_card(state, {"test": 36})
