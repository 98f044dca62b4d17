"""Charts what LayerNorm and ReLU do, with intervals: the answer."""

from typing import Any

from analysis.rendering import effect_text
from analysis.rendering.charts.chart import (
    Chart,
    Key,
    Panel,
    error_bars,
    layout,
    numbers,
    titled,
    trace,
)
from analysis.rendering.selection import EFFECT_TITLES, EFFECTS_NOTE, effect_measures, effect_reach
from analysis.rendering.style import MUTED, NOT_SHOWN, SHOWN
from analysis.statistics.results import Results
from analysis.statistics.study_effects import MEASURED, WITHOUT_HUBNESS, is_shown

LEGEND = [
    Key("●", SHOWN, "shown on test"),
    Key("●", NOT_SHOWN, "not shown, or only described"),
]


def effects_chart(results: Results) -> Chart:
    """Chart a panel for each measure that has effects, one row per effect, in percentage points."""
    effects = results.effects
    names = effects["effect"].unique(maintain_order=True).to_list()
    rows: dict[str, Any] = {
        "type": "category",
        "categoryarray": [name.replace(" (", "<br>(") for name in names],
        "range": [len(names) - 0.5, -0.5],
    }
    reach = effect_reach(effects)
    x = titled("percentage points of top-1", zeroline=True, zerolinewidth=2, range=[-reach, reach])
    panels = []
    # Beside each other: a measure with hubness, and without.
    pairs = {name: MEASURED.index(name.removesuffix(WITHOUT_HUBNESS)) for name in MEASURED}
    for measure in sorted(effect_measures(effects), key=pairs.__getitem__):
        ours = effects.filter(measure=measure)
        estimate, low, high = (100 * ours[name] for name in ("estimate", "low", "high"))
        shown = [SHOWN if is_shown(row) else NOT_SHOWN for row in ours.to_dicts()]
        dots = trace(
            EFFECT_TITLES[measure],
            numbers(estimate),
            [name.replace(" (", "<br>(") for name in ours["effect"]],
            mode="markers",
            marker={"color": shown, "size": 12},
            error_x=error_bars(estimate, low, high, color=MUTED, thickness=2, width=5),
            hovertext=[f"{row['effect']}: {effect_text.points(row)}" for row in ours.to_dicts()],
            hoverinfo="text",
        )
        panels.append(Panel(EFFECT_TITLES[measure], [dots], layout(x, rows), 80 + 46 * len(names)))
    sentence = effect_text.answer(effects)
    title = "What LayerNorm and ReLU do"
    return Chart("effects", title, sentence, EFFECTS_NOTE, panels, LEGEND)
