"""Writes report.html: effects, pictures, tables and configs in one file.

The file holds everything it shows: no script, no font, no picture from elsewhere. Every text from a
log is escaped, and a content security policy forbids what might slip through.
"""

import json
from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import polars as pl

from analysis.printable import printable
from analysis.rendering import effect_text, notes, table_rows
from analysis.rendering.figures.collection import figures
from analysis.rendering.image import rendered
from analysis.rendering.style import INK, MUTED
from analysis.schema import RUNS, Log
from analysis.statistics.comparisons import comparisons
from analysis.statistics.measures import MEASURES
from analysis.statistics.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CAPTIONS = {
    "runs": "Each run: top-1 on training, validation and test after each epoch.",
    "effects": "What LayerNorm and ReLU do.",
    "curves": "Configurations compared: top-1 by split.",
    "convergence": "How fast a configuration converges, and where it ends.",
    "loss": "Loss with its parts, and the share of hard negatives.",
    "diagnosis": "Which points are answered, and what the wrong answers are.",
}

STUDY = (
    "The runs of a study share all that decides a result but LayerNorm, ReLU and the seed; its "
    "figures are its own. Studies that differ in one setting are compared in it below."
)

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Training runs compared</title>
<style>
:root {{ color-scheme: light dark;
  --ink: #1b1b1b; --muted: #6b6b6b; --paper: #fff; --line: #d4d4d4; --soft: #f4f4f4; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: #e8e8e8; --muted: #a3a7ad; --paper: #15171a; --line: #3d4148; --soft: #1f2226; }}
}}
body {{ margin: 0 auto; padding: 1rem; max-width: 72rem; color: var(--ink);
  background: var(--paper); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }}
h1, h2, h3 {{ line-height: 1.25; }}
h2 {{ margin-top: 2.5rem; border-bottom: 1px solid var(--line); }}
figure {{ margin: 1.5rem 0; }}
figcaption {{ font-weight: 600; margin-bottom: .5rem; }}
.scroll {{ overflow-x: auto; }}
.scroll svg {{ display: block; width: 100%; min-width: 44rem; height: auto; }}
table {{ border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .3rem .6rem; border-bottom: 1px solid var(--line); text-align: right;
  vertical-align: top; white-space: nowrap; overflow-wrap: normal; }}
th {{ background: var(--soft); }}
th:first-child, td:first-child, .text td, .text th {{ text-align: left; }}
.text td:last-child {{ white-space: normal; min-width: 16rem; overflow-wrap: anywhere; }}
details {{ border-bottom: 1px solid var(--line); padding: .4rem 0; }}
summary {{ cursor: pointer; }}
.small {{ font-size: .875rem; color: var(--muted); }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def page(log: Log, every: Sequence[Results]) -> str:
    """Write the whole report: a part a study, then what concerns all of them."""
    runs = sum(results.by_run.height for results in every)
    parts = [
        "<h1>Training runs compared</h1>",
        _paragraph(f"{runs:,} runs in {len(every):,} studies. {STUDY}"),
        *(line for results in every for line in _study(results)),
        "<h2>How studies differ</h2>",
        _differences(every),
        _list(effect_text.comparison_lines(comparisons(every))),
        "<h2>What the runs and the readers noted</h2>",
        _noted(log),
        "<h2>Runs</h2>",
        *(_run(run) for results in every for run in results.log.runs.iter_rows(named=True)),
        "<h2>Columns</h2>",
        _list([f"{m.heading}: {m.definition}" for m in MEASURES.values()], small=True),
    ]
    return PAGE.format(body="\n".join(parts))


def _study(results: Results) -> Iterator[str]:
    """Write one study: its answer, its pictures, its tables, its notes."""
    yield f"<h2>{_safe(results.study.name)}</h2>"
    if results.study.format != "legacy":
        yield f"<p><strong>{_safe(effect_text.answer(results.effects))}</strong></p>"
        yield _list(effect_text.sentences(results.effects))
    yield _paragraph(table_rows.heading(results))
    yield _paragraph(table_rows.untrained(results))
    yield from (_figure(name, figure) for name, figure in figures(results).items())
    yield "<h3>Configurations</h3>"
    yield _table(table_rows.configuration_rows(results))
    yield "<h3>Runs</h3>"
    yield _table(table_rows.run_rows(results.by_run))
    if results.pools.height:
        yield f"<h3>{escape(table_rows.POOLS_HEADING)}</h3>"
        yield _table(table_rows.pool_rows(results.pools))
    yield _paragraph(" ".join([*table_rows.notation(results.by_run), table_rows.CURVE]), small=True)
    yield from _errors(results.shown_errors)
    yield "<h3>Health</h3>"
    yield _checks(results.curve_checks)
    yield _list(notes.of_study(results), small=True)


def _figure(name: str, figure: "Figure") -> str:
    """Write a picture as inline SVG in the page's ink, so that it is legible on dark paper."""
    kind, _, number = name.partition("-")
    caption = CAPTIONS[kind] + (f" Part {number}." if number else "")
    svg = rendered(figure, "svg", transparent=True).decode()
    svg = svg[svg.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{caption}"', 1)
    svg = svg.replace(f": {INK}", ": var(--ink)").replace(f": {MUTED}", ": var(--muted)")
    return f"<figure><figcaption>{caption}</figcaption>{_scroll(svg)}</figure>"


def _errors(shown: pl.DataFrame) -> Iterator[str]:
    """Write the table of right and wrong answers; nothing where no run left predictions."""
    if shown.height:
        yield f"<h3>{escape(table_rows.ERRORS_HEADING)}</h3>"
        yield _table(table_rows.error_rows(shown))
        yield _paragraph(table_rows.ERRORS_NOTATION, small=True)


def _differences(every: Sequence[Results]) -> str:
    """Write the settings in which studies differ, a row a setting, a column a study."""
    settings = [results.study.settings for results in every]
    fields = dict.fromkeys(field for own in settings for field in own)
    varying = [f for f in fields if len({own.get(f) for own in settings}) > 1]
    heads = ["setting", *(results.study.name for results in every)]
    rows = [[field, *(own.get(field) or "unset" for own in settings)] for field in varying]
    return _table([heads, *rows], text=True) if rows else _paragraph("There is one study.")


def _checks(notes: pl.DataFrame) -> str:
    """Write the findings of `curve_checks.check`."""
    if notes.is_empty():
        return _paragraph("Nothing to note.")
    return _table(
        [["run", "note", "finding"], *notes.select("run_id", "note", "text").rows()], text=True
    )


def _noted(log: Log) -> str:
    """List the notes of the readers, the broken lines, and the warnings in the logs."""
    broken = [
        f"{source}, line {line}: {reason}; left out" for source, line, reason in log.rejected.rows()
    ]
    warned = [
        f"{row['run_id']}, epoch {row['epoch']}: {row['message']}; {row['action']}"
        for row in log.warnings.iter_rows(named=True)
    ]
    return _list([*log.notes, *broken, *warned] or ["Nothing."])


def _run(run: dict[str, Any]) -> str:
    """Write one run, folded: what is known of it, and its whole config."""
    known = [
        [name, _text(run[name])]
        for name in RUNS
        if name not in ("run_id", "config", "decides", "predictions_sha256")
    ]
    config = json.loads(run["config"]) if run["config"] else None
    settings = (
        [[name, _text(value)] for name, value in config.items()] if isinstance(config, dict) else []
    )
    body = _table([["", "run"], *known], text=True)
    body += (
        _table([["", "config"], *settings], text=True)
        if settings
        else _paragraph("No config in the log.")
    )
    heading = f'{_safe(run["run_id"])} <span class="small">{_safe(run["configuration"])}</span>'
    return f"<details><summary>{heading}</summary>{body}</details>"


def _table(cells: Sequence[Sequence[str]], text: bool = False) -> str:
    """Write rows of text, headings first; `text`: words, to the left, the last column wrapped."""
    head = "".join(f"<th>{_safe(cell)}</th>" for cell in cells[0])
    body = "".join(
        f"<tr>{''.join(f'<td>{_safe(cell)}</td>' for cell in row)}</tr>" for row in cells[1:]
    )
    kind = ' class="text"' if text else ""
    return _scroll(f"<table{kind}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")


def _scroll(content: str) -> str:
    """Wrap content so that it scrolls by itself; focusable, so that the keyboard scrolls it too."""
    return f'<div class="scroll" tabindex="0">{content}</div>'


def _list(items: Sequence[str], small: bool = False) -> str:
    """Write a list of plain texts."""
    kind = ' class="small"' if small else ""
    return f"<ul{kind}>{''.join(f'<li>{_safe(item)}</li>' for item in items)}</ul>"


def _paragraph(text: str, small: bool = False) -> str:
    """Write a paragraph of plain text."""
    kind = ' class="small"' if small else ""
    return f"<p{kind}>{_safe(text)}</p>"


def _text(value: Any) -> str:
    """Write a value of a config or of RUNS as one word, '–' where there is none."""
    if value is None:
        return "–"
    return str(value) if not isinstance(value, list | dict | bool) else json.dumps(value)


def _safe(text: str) -> str:
    """Strip control characters from text and escape it."""
    return escape(printable(text))
