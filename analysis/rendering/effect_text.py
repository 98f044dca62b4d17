"""Writes effects as sentences: what LayerNorm and ReLU do, and how sure that is."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from analysis.statistics.effects import FEWEST_SEEDS, Effect
from analysis.statistics.study_effects import is_shown

#: Measures whose effects are described and not tested → how a sentence about them begins.
DESCRIBED = {
    "validation": "On validation",
    "area": "Area under the validation curve",
    "validation_without_hubness": "On validation by the pair head alone, without hubness",
    "test_without_hubness": "On test by the pair head alone",
    "area_without_hubness": "Area by the pair head alone",
}

NOTHING = (
    "No effect on test can be estimated: that needs predictions of two variants that differ in one "
    "factor and share a seed."
)


def answer(effects: pl.DataFrame) -> str:
    """Write the answer in one sentence, from the table EFFECTS: what is shown on test."""
    on_test = effects.filter(measure="test").to_dicts()
    if not on_test:
        return NOTHING
    if all(effect["p_holm"] is None for effect in on_test):
        return f"On test, effects are described but not tested: {_why_not(on_test[0])}."
    shown = {effect["effect"]: effect for effect in on_test if is_shown(effect)}
    interaction = shown.pop("interaction", None)
    clauses = [_finding(effect) for effect in shown.values()]
    tested = [effect for effect in on_test if effect["p_holm"] is not None]
    if not_shown := [effect["effect"] for effect in tested if not is_shown(effect)]:
        clauses.append(_not_shown(not_shown))
    if interaction:
        averaged = f"; averaged over the other, {'; '.join(clauses)}" * bool(clauses)
        clauses = [f"one factor changes what the other does{averaged}"]
    else:
        clauses += [
            f"{effect['effect']} is not tested: {_why_not(effect)}"
            for effect in on_test
            if effect["low"] is None
        ]
    return f"On test, {'; '.join(clauses)}."


def sentences(effects: pl.DataFrame) -> list[str]:
    """Write one sentence an effect on test, then one for each other measure."""
    found = [_sentence(effect) for effect in effects.filter(measure="test").iter_rows(named=True)]
    for measure, words in DESCRIBED.items():
        parts = [
            f"{effect['effect']} {points(effect)}"
            for effect in effects.filter(measure=measure).iter_rows(named=True)
        ]
        if parts:
            found.append(f"{words} (described): {', '.join(parts)}.")
    return found


def points(effect: dict[str, Any]) -> str:
    """Write an effect in percentage points with its 95 % interval."""
    text = f"{100 * effect['estimate']:+.1f}"
    if effect["low"] is not None:
        text += f" [{100 * effect['low']:+.1f}, {100 * effect['high']:+.1f}]"
    return text.replace("-", "−")


def _finding(effect: dict[str, Any]) -> str:
    """Say what a factor does whose effect is shown."""
    does = "raises" if effect["estimate"] > 0 else "lowers"
    return (
        f"{effect['effect']} {does} top-1 by {100 * abs(effect['estimate']):.1f} percentage points"
    )


def _not_shown(names: list[str]) -> str:
    """Name the tested effects that are not shown."""
    if names == ["interaction"]:
        return "no interaction is shown"
    nor = ", nor an interaction" if "interaction" in names else ""
    factors = [name for name in names if name != "interaction"]
    return f"no effect of {_listed(factors)} is shown{nor}"


def _sentence(effect: dict[str, Any]) -> str:
    """Write one effect on test: estimate, interval, p, and what the experiment could see."""
    head = f"{effect['effect']} on test: {points(effect)} percentage points"
    if effect["p_holm"] is None:
        return f"{head}, described."
    if is_shown(effect):
        verdict, excluded = "an effect", ""
    else:
        verdict = "no effect shown"
        excluded = f"effects beyond ±{100 * effect['excluded_beyond']:.1f} are excluded; "
    return (
        f"{head}, {verdict} (p {p_value(effect['p_holm'])} after Holm; {effect['seeds']} seeds); "
        f"{excluded}80 % of such experiments would detect an effect of "
        f"{100 * effect['least_effect']:.1f} (uncorrected)."
    )


def _why_not(effect: dict[str, Any]) -> str:
    """Say why an effect has no test."""
    if effect["seeds"] < FEWEST_SEEDS:
        return f"the predictions of the variants share fewer than {FEWEST_SEEDS} seeds"
    one = effect["clusters"] == 1
    return "all points share debates or texts" if one else "the answers do not vary"


def _listed(words: list[str]) -> str:
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def comparison_lines(found: Sequence[Effect]) -> list[str]:
    """Write one line for each effect of `comparisons.comparisons`, on test."""
    lines = []
    for effect in found:
        tested = (
            f" (p {p_value(effect.p)}, uncorrected; {effect.seeds} seeds)"
            if effect.p is not None
            else ", described"
        )
        lines.append(f"{effect.name}, on test: {points(vars(effect))} percentage points{tested}")
    return lines


def p_value(p: float) -> str:
    """Write p as what follows its letter: '= 0.019'."""
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"
