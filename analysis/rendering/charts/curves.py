"""Charts top-1 against epochs by split: configurations, and their single runs."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from analysis.rendering.axes import DENSE
from analysis.rendering.charts.chart import (
    LINES,
    SYMBOLS,
    Chart,
    Panel,
    Trace,
    layout,
    legend,
    numbers,
    percent,
    titled,
    trace,
    variants,
)
from analysis.rendering.selection import omission, split_title, top1_range, untrained_note
from analysis.rendering.style import MUTED, Style
from analysis.schema import SPLITS
from analysis.statistics.results import Results

#: Runs of a study up to which each has a line of its own.
MOST_LINES = 60

AFTER = " after %{x:.3~g} epochs<extra></extra>"


def curves_chart(results: Results, looks: dict[str, Style]) -> Chart:
    """Chart one panel per split: configurations, thin lines for runs, the untrained encoder."""
    variant_of = variants(results.drawn)
    panels = []
    for split in SPLITS:
        traces = [*_untrained(results, split), *_runs(results, split, looks, variant_of)]
        traces += _configurations(results, split, looks, variant_of)
        x = titled("epochs completed", rangemode="tozero")
        y = {"range": list(top1_range(results, split)), "tickformat": ".3~p"}
        panels.append(Panel(split_title(results, split), traces, layout(x, y)))
    said = ", ".join(
        f"{row['configuration']} {percent(row['last_validation'])} ({percent(row['last_test'])})"
        for row in results.drawn.to_dicts()
    )
    sentence = f"At the end on validation (test): {said}."
    note = (
        "Line: mean over runs. Shade: 95 % interval, of a single run."
        + " Thin lines: single runs." * (not _several(results).is_empty())
        + untrained_note(results)
    )
    heading = f"Top-1 by split{omission(results)}"
    return Chart("curves", heading, sentence, note, panels, legend(looks, variant_of))


def _untrained(results: Results, split: str) -> Iterator[Trace]:
    """Yield the untrained encoder as a level line."""
    if split not in results.untrained:
        return
    end = results.bands.select(pl.col("epoch").max()).item() or 1.0
    look: dict[str, Any] = {"color": MUTED, "dash": "dash", "width": 1.5}
    yield trace(
        "untrained encoder",
        [0, end],
        [round(results.untrained[split], 5)] * 2,
        mode="lines",
        line=look,
        hovertemplate="%{fullData.name}: %{y:.1%}<extra></extra>",
    )


def _several(results: Results) -> pl.DataFrame:
    """Select the runs that have lines of their own: of configurations with several that count."""
    drawn = pl.col("configuration").is_in(results.drawn["configuration"].implode())
    counted = results.by_run.filter("counted", drawn)
    several = counted.filter(pl.len().over("configuration") > 1)
    return several if results.by_run.height <= MOST_LINES else several.clear()


def _runs(
    results: Results, split: str, looks: dict[str, Style], variant_of: dict[str, str]
) -> Iterator[Trace]:
    """Yield a thin line for each run of a configuration that has several."""
    for run, configuration in _several(results).select("run_id", "configuration").rows():
        line = results.curves.filter(run_id=run).drop_nulls(split)
        yield trace(
            run,
            numbers(line["epoch"].cast(pl.Float64)),
            numbers(line[split]),
            mode="lines",
            line={"color": looks[configuration].color, "width": 1},
            opacity=0.55,
            hovertemplate="run %{fullData.name}: %{y:.1%}" + AFTER,
            meta={"variant": variant_of[configuration], "run": run},
        )


def _configurations(
    results: Results, split: str, looks: dict[str, Style], variant_of: dict[str, str]
) -> Iterator[Trace]:
    """Yield a thick line a configuration, and the interval of a single run as a shade."""
    drawn = results.bands.join(results.drawn, on="configuration", how="semi", maintain_order="left")
    bands = drawn.filter(split=split)
    alone = dict(
        results.by_run.filter("counted")
        .filter(pl.len().over("configuration") == 1)
        .select("configuration", "run_id")
        .rows()
    )
    for (name,), line in bands.partition_by("configuration", as_dict=True).items():
        look, run = looks[name], alone.get(name)
        meta = {"variant": variant_of[name], "run": run}
        epochs = numbers(line["epoch"].cast(pl.Float64))
        low, high = numbers(line["low"]), numbers(line["high"])
        if run and not line["low"].null_count():
            yield trace(
                name,
                epochs + epochs[::-1],
                high + low[::-1],
                fill="toself",
                fillcolor=f"rgba({_rgb(look.color)},0.14)",
                line={"width": 0},
                mode="lines",
                hoverinfo="skip",
                meta=meta,
            )
        mean = f", mean of {line['runs'][0]} runs" if not run else ""
        ends = "95 % interval" if run else "runs"
        yield trace(
            name,
            epochs,
            numbers(line["value"]),
            mode="lines" if line.height > DENSE else "lines+markers",
            line={"color": look.color, "dash": LINES[look.dash], "width": 2.5},
            marker={"color": look.color, "symbol": SYMBOLS[look.marker], "size": 8},
            cliponaxis=False,
            customdata=[list(pair) for pair in zip(low, high, strict=True)],
            hovertemplate="%{fullData.name}"
            + mean
            + ": %{y:.1%}"
            + AFTER.replace(
                "<extra>",
                f"<br>{ends} " + "%{customdata[0]:.1%} to %{customdata[1]:.1%}<extra>",
            ),
            meta=meta,
        )


def _rgb(color: str) -> str:
    return ",".join(str(int(color[i : i + 2], 16)) for i in (1, 3, 5))
