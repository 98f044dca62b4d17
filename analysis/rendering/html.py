"""Writes report.html: effects, charts, tables and configs in one file to explore.

The file holds everything it shows, plotly.js included. A content security policy allows its two
scripts by their hashes, and nothing from elsewhere.
"""

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from analysis.rendering import effect_text, notes, table_rows
from analysis.rendering.charts.chart import OTHER, Key, legend, variants
from analysis.rendering.charts.collection import charts
from analysis.rendering.html_parts import (
    Marks,
    attributes,
    box,
    bullets,
    chart,
    folded,
    glyph,
    paragraph,
    safe,
    table,
)
from analysis.rendering.labels import counted
from analysis.rendering.style import styles
from analysis.schema import RUNS, Log
from analysis.statistics.comparisons import comparisons
from analysis.statistics.measures import MEASURES
from analysis.statistics.results import Results

ASSETS = Path(__file__).with_name("assets")

STUDY = (
    "The runs of a study share all that decides a result but LayerNorm, ReLU and the seed; its "
    "figures are its own. Studies that differ in one setting are compared in it here."
)

POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; script-src"
)

HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<link rel="icon" href="data:,">
<title>Training runs compared</title>
<style>
{style}</style>
</head>
<body>
<div class="page">
"""

CONTROLS = """<aside aria-label="What is shown"><details id="controls" open>
<summary>Show</summary>
<fieldset><legend>Variants</legend>{variants}</fieldset>
<fieldset><legend>Studies</legend>{studies}</fieldset>
<p><label>Theme <select id="theme"><option value="">as the system's</option>
<option value="light">light</option><option value="dark">dark</option></select></label></p>
<p><button id="everything">Show everything</button></p>
</details></aside>
"""

NOSCRIPT = (
    "<noscript><p>The charts need JavaScript; their sentences and the tables do not.</p></noscript>"
)


def page(log: Log, every: Sequence[Results]) -> bytes:
    """Write the whole report."""
    return document(opening(every), [*map(study, every), closing(log, every)])


def document(opening_of_page: str, parts: Sequence[str], live: str = "") -> bytes:
    """Join a page: its `opening`, the section on runs in progress, and the other parts."""
    head, tail = _frame()
    body = "\n".join([opening_of_page, live, *parts, "</main>"])
    return b"".join([head, body.encode(), tail])


def opening(every: Sequence[Results]) -> str:
    """Write the controls and the heading."""
    runs = sum(results.by_run.height for results in every)
    count = f"{counted(runs, 'run')} in {counted(len(every), 'study', 'studies')}"
    head = ["<main>", "<h1>Training runs compared</h1>", paragraph(count, small=True), NOSCRIPT]
    return "\n".join([_controls(every), *head])


@cache
def _frame() -> tuple[bytes, bytes]:
    """Return what stands before and after the body of every report."""
    from plotly.offline import get_plotlyjs

    scripts = [get_plotlyjs(), (ASSETS / "page.js").read_text("utf-8")]
    hashes = [b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts]
    policy = " ".join([POLICY, *(f"'sha256-{digest}'" for digest in hashes)])
    head = HEAD.format(policy=policy, style=(ASSETS / "page.css").read_text("utf-8"))
    tail = "".join(f"<script>{script}</script>\n" for script in scripts)
    return head.encode(), f"\n</div>\n{tail}</body>\n</html>\n".encode()


def _controls(every: Sequence[Results]) -> str:
    """Write the boxes that switch variants and studies on and off."""
    keys: dict[str, Key] = {}
    for results in every:
        for key in legend(styles(results.by_run), variants(results.by_run)):
            keys.setdefault(str(key.variant), key)
    of_variants = (
        box("variant", variant, f"{glyph(key)} {safe(variant)}") for variant, key in keys.items()
    )
    of_studies = (
        box("study", r.study.slug, f'<a href="#{safe(r.study.slug)}">{safe(r.study.name)}</a>')
        for r in every
    )
    return CONTROLS.format(variants="\n".join(of_variants), studies="\n".join(of_studies))


def study(results: Results) -> str:
    """Write one study: its answer, its charts, its tables, its notes."""
    slug = results.study.slug
    head = f'<section id="{safe(slug)}"{attributes({"study": slug})}>'
    head += f"<h2>{safe(results.study.name)}</h2>"
    return "\n".join([head, *_study(results), "</section>"])


def _study(results: Results) -> Iterator[str]:
    slug, variant_of = results.study.slug, variants(results.by_configuration)
    sentences = effect_text.sentences(results.effects)
    for drawn in charts(results):
        yield chart(drawn, f"{slug}-{drawn.name}")
        if drawn.name == "effects" and sentences:
            yield folded("Each effect in words", bullets(sentences), f"{slug}-sentences")
    yield "<h3>Configurations</h3>"
    yield paragraph(table_rows.heading(results))
    yield paragraph(table_rows.untrained(results))
    names = results.by_configuration["configuration"]
    marks: list[Marks] = [{"variant": variant_of[name]} for name in names]
    yield table(table_rows.configuration_rows(results), name=f"{slug}-configurations", marks=marks)
    yield "<h3>Runs</h3>"
    yield table(
        table_rows.run_rows(results.by_run), name=f"{slug}-runs", marks=_run_marks(results.by_run)
    )
    if results.pools.height:
        yield f"<h3>{safe(table_rows.POOLS_HEADING)}</h3>"
        marks = [{"variant": variant_of[name]} for name in results.pools["configuration"]]
        yield table(table_rows.pool_rows(results.pools), name=f"{slug}-pools", marks=marks)
    yield paragraph(" ".join([*table_rows.notation(results.by_run), table_rows.CURVE]), small=True)
    yield from _errors(results, variant_of)
    yield "<h3>Health</h3>"
    yield _checks(results.curve_checks, f"{slug}-health")
    yield bullets([*notes.of_study(results), *notes.of_rejected(results.log.rejected)], small=True)


def _run_marks(runs: pl.DataFrame) -> list[Marks]:
    """Return the variant and the run of each row of a table of runs."""
    rows = runs.select("variant", "run_id").rows()
    return [{"variant": variant or OTHER, "run": run} for variant, run in rows]


def _errors(results: Results, variant_of: dict[str, str]) -> Iterator[str]:
    """Write the table of right and wrong answers; nothing where no run left predictions."""
    shown = results.shown_errors
    if shown.height:
        rows = table_rows.error_rows(shown)
        columns: list[Marks] = [{}] * 3 + [{"variant": variant_of[name]} for name in rows[0][3:]]
        yield f"<h3>{safe(table_rows.ERRORS_HEADING)}</h3>"
        yield table(rows, name=f"{results.study.slug}-answers", columns=columns)
        yield paragraph(table_rows.ERRORS_NOTATION, small=True)


def _checks(found: pl.DataFrame, name: str) -> str:
    """Write the findings of `curve_checks.check`."""
    if found.is_empty():
        return paragraph("Nothing to note.")
    rows = [["run", "note", "finding"], *found.select("run_id", "note", "text").rows()]
    return table(rows, name=name, text=True)


def closing(log: Log, every: Sequence[Results]) -> str:
    """Write what concerns all studies: their differences, notes, the runs, the columns."""
    compared = effect_text.comparison_lines(comparisons(every))
    parts = [
        "<h2>How studies differ</h2>",
        *([paragraph(STUDY), _differences(every)] if len(every) > 1 else []),
        paragraph("There is one study.") if len(every) == 1 else "",
        bullets(compared),
        "<h2>What the runs and the readers noted</h2>",
        _noted(log),
        "<h2>Config of each run</h2>",
        *(_run(run) for results in every for run in results.log.runs.iter_rows(named=True)),
        "<h2>Columns</h2>",
        bullets([f"{m.heading}: {m.definition}" for m in MEASURES.values()], small=True),
    ]
    return "\n".join(filter(None, parts))


def _differences(every: Sequence[Results]) -> str:
    """Write the settings in which studies differ, one row per setting, one column per study."""
    settings = [results.study.settings for results in every]
    fields = dict.fromkeys(field for own in settings for field in own)
    varying = [f for f in fields if len({own.get(f) for own in settings}) > 1]
    heads = ["setting", *(results.study.name for results in every)]
    rows = [[field, *(own.get(field) or "unset" for own in settings)] for field in varying]
    return table([heads, *rows], text=True)


def _noted(log: Log) -> str:
    """List the notes of the readers, broken lines of no study, and the warnings in the logs."""
    other = log.rejected.join(log.runs, on="source", how="anti", maintain_order="left")
    warned = [
        f"{row['run_id']}, epoch {'–' if row['epoch'] is None else row['epoch']}: "
        + "; ".join(filter(None, (row["message"], row["action"])))
        for row in log.warnings.iter_rows(named=True)
    ]
    return bullets([*log.notes, *notes.of_rejected(other), *warned] or ["Nothing."])


def _run(run: dict[str, Any]) -> str:
    """Write one run, folded: its row of RUNS, and its whole config."""
    known = [
        [name, _text(run[name])]
        for name in RUNS
        if name not in ("run_id", "config", "decides", "predictions_sha256")
    ]
    config = json.loads(run["config"] or "{}")
    settings = [[name, _text(value)] for name, value in config.items()]
    body = table([["", "run"], *known], text=True)
    body += (
        table([["", "config"], *settings], text=True)
        if settings
        else paragraph("No config in the log.")
    )
    heading = f'{safe(run["run_id"])} <span class="small">{safe(run["configuration"])}</span>'
    mark = attributes({"variant": run["variant"] or OTHER})
    return f"<div{mark}>{folded(heading, body, 'run-' + run['run_id'])}</div>"


def _text(value: Any) -> str:
    """Write a value of a config or of RUNS as one word, '–' where there is none."""
    if value is None:
        return "–"
    return str(value) if not isinstance(value, list | dict | bool) else json.dumps(value)
