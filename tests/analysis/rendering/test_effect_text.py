"""`analysis.rendering.effect_text`: effects as sentences."""

from typing import Any

import polars as pl
import pytest

from analysis.rendering import effect_text
from analysis.statistics.study_effects import EFFECTS, MEASURED


def effect(name: str, estimate: float, p_holm: float | None, **values: Any) -> dict[str, Any]:
    tested = {
        "p": p_holm and p_holm / 3,
        "low": estimate - 0.01,
        "high": estimate + 0.01,
        "excluded_beyond": 0.025,
        "least_effect": 0.0131,
    }
    known = tested if p_holm is not None else {}
    row = {"measure": "test", "effect": name, "estimate": estimate, "p_holm": p_holm, "seeds": 3}
    return row | known | values


def table(*effects: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(effects, schema=EFFECTS)


def of_three(layernorm: float, relu: float, interaction: float) -> pl.DataFrame:
    """The three effects with these p."""
    return table(
        effect("LayerNorm", 0.021, layernorm),
        effect("ReLU", -0.014, relu),
        effect("interaction", 0.03, interaction),
    )


@pytest.mark.parametrize(
    ("p", "sentence"),
    [
        (
            (0.01, 0.049, 0.5),
            "LayerNorm raises top-1 by 2.1 percentage points; ReLU lowers top-1 by 1.4 "
            "percentage points; no interaction is shown",
        ),
        (
            (0.01, 0.05, 0.5),
            "LayerNorm raises top-1 by 2.1 percentage points; no effect of ReLU is shown, nor an "
            "interaction",
        ),
        ((0.2, 0.3, 0.4), "no effect of LayerNorm or ReLU is shown, nor an interaction"),
        (
            (0.2, 0.3, 0.01),
            "one factor changes what the other does; averaged over the other, no effect of "
            "LayerNorm or ReLU is shown",
        ),
        (
            (0.01, 0.01, 0.01),
            "one factor changes what the other does; averaged over the other, LayerNorm raises "
            "top-1 by 2.1 percentage points; ReLU lowers top-1 by 1.4 percentage points",
        ),
    ],
)
def test_the_answer_says_what_is_shown_on_test_and_what_is_not(
    p: tuple[float, float, float], sentence: str
) -> None:
    assert effect_text.answer(of_three(*p)) == f"On test, {sentence}."


def test_simple_effects_are_answered_by_their_names() -> None:
    names = ("LayerNorm (ReLU on)", "ReLU (LayerNorm off)")
    effects = table(*(effect(name, 0.01, 0.3) for name in names))
    assert effect_text.answer(effects) == f"On test, no effect of {' or '.join(names)} is shown."


def test_an_effect_that_is_not_tested_is_not_said_to_be_unseen() -> None:
    effects = table(
        effect("LayerNorm (ReLU on)", 0.01, None, seeds=1),
        effect("ReLU (LayerNorm on)", 0.02, 0.01, seeds=3),
    )
    assert effect_text.answer(effects) == (
        "On test, ReLU (LayerNorm on) raises top-1 by 2.0 percentage points; LayerNorm (ReLU "
        "on) is not tested: the predictions of the variants share fewer than 3 seeds."
    )


def test_an_interaction_of_factors_that_do_nothing_on_average_is_told_alone() -> None:
    same = (effect(name, 0.0, None, low=None, high=None) for name in ("LayerNorm", "ReLU"))
    effects = table(*same, effect("interaction", 0.03, 0.01))
    assert effect_text.answer(effects) == "On test, one factor changes what the other does."


def test_simple_effects_beside_an_interaction_are_described() -> None:
    simple = {"p": 0.001, "low": 0.0, "high": 0.02}
    effects = table(
        *of_three(0.2, 0.3, 0.01).to_dicts(), effect("ReLU (LayerNorm on)", 0.01, None, **simple)
    )
    assert effect_text.answer(effects) == effect_text.answer(of_three(0.2, 0.3, 0.01))
    *_, told = effect_text.sentences(effects)
    assert told == ("ReLU (LayerNorm on) on test: +1.0 [+0.0, +2.0] percentage points, described.")


def test_the_answer_does_not_speak_of_validation_or_area() -> None:
    only = table(effect("LayerNorm", 0.5, None, measure="validation", p=0.001))
    assert effect_text.answer(only) == effect_text.answer(table()) == effect_text.NOTHING


@pytest.mark.parametrize(
    ("seeds", "clusters", "reason"),
    [
        (2, 9, "the predictions of the variants share fewer than 3 seeds"),
        (3, 1, "all points share debates or texts"),
        (3, 9, "the answers do not vary"),
    ],
)
def test_where_nothing_is_tested_the_answer_says_why(
    seeds: int, clusters: int, reason: str
) -> None:
    effects = table(effect("LayerNorm", 0.021, None, seeds=seeds, clusters=clusters))
    assert effect_text.answer(effects) == (
        f"On test, effects are described but not tested: {reason}."
    )
    assert effect_text.sentences(effects) == [
        "LayerNorm on test: +2.1 percentage points, described."
    ]


def test_a_sentence_says_how_sure_it_is_and_what_the_experiment_could_see() -> None:
    (shown,) = effect_text.sentences(table(effect("LayerNorm", 0.021, 0.0004)))
    assert shown == (
        "LayerNorm on test: +2.1 [+1.1, +3.1] percentage points, an effect (p < 0.001 after Holm; "
        "3 seeds); 80 % of such experiments would detect an effect of 1.3 (uncorrected)."
    )
    (not_shown,) = effect_text.sentences(table(effect("ReLU", -0.004, 0.25)))
    assert not_shown == (
        "ReLU on test: −0.4 [−1.4, +0.6] percentage points, no effect shown (p = 0.250 after Holm; "
        "3 seeds); effects beyond ±2.5 are excluded; 80 % of such experiments would detect an "
        "effect of 1.3 (uncorrected)."
    )


def test_effects_on_other_measures_than_test_are_described_in_a_line_each() -> None:
    effects = table(
        *(
            effect(name, 0.01, None, measure=measure, low=0.0, high=0.02, p=0.01)
            for measure in MEASURED
            if measure != "test"
            for name in ("LayerNorm", "ReLU")
        )
    )
    each = "LayerNorm +1.0 [+0.0, +2.0], ReLU +1.0 [+0.0, +2.0]."
    assert effect_text.sentences(effects) == [
        f"On validation (described): {each}",
        f"Area under the validation curve (described): {each}",
        f"On validation by the pair head alone, without hubness (described): {each}",
        f"On test by the pair head alone (described): {each}",
        f"Area by the pair head alone (described): {each}",
    ]
