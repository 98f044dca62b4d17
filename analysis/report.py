"""One HTML file that says all that the logs say, to pass on: pictures, tables, verdicts, configs.

python -m analysis.report logs/               # logs/plots/report.html

The file holds everything it shows: no script, no font, no picture from elsewhere. Every text from a
log is escaped, and a content security policy forbids what might slip through.
"""

import json
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

import commandline
from analysis import (
    configurations,
    diagnosis,
    health,
    output,
    plot,
    summary,
    verdict,
)
from analysis.printable import printable
from analysis.readers import logs
from analysis.schema import RUNS, Log
from analysis.summary import FORMATS, MEASURES

CAPTIONS = {
    "runs": "Each run: top-1 on training, validation and test after each epoch.",
    "comparison": "Configurations compared: top-1 by split.",
    "convergence": "How fast a configuration converges, and where it ends.",
    "loss": "Loss with its parts, and the share of hard negatives.",
    "diagnosis": "Which points are answered, and what the wrong answers are.",
}

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


class Options(BaseModel):
    """Write report.html: verdicts, pictures, tables, health notes and configs in one file that
    needs nothing else.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    paths: list[str] = Field(["logs"], description="Log files, folders or globs; unset: logs.")
    out: Path | None = Field(
        None, description="Folder for report.html; unset: plots/ beside the logs."
    )


def page(log: Log) -> str:
    """The whole report as HTML."""
    tables = summary.measure(log)
    verdicts = verdict.verdicts(log.runs, tables.runs, log.predictions)
    labelled = configurations.label(log.runs)
    parts = [
        "<h1>Training runs compared</h1>",
        _paragraph(
            f"{log.runs.height:,} runs of {tables.configurations.height:,} configurations. "
            "A configuration is all that decides a result but the seed."
        ),
        "<h2>Verdicts</h2>",
        *_verdicts(verdicts),
        _list(verdict.remarks(verdicts, tables.runs), small=True),
        "<h2>Pictures</h2>",
        *(_figure(name, figure) for name, figure in plot.pictures(log, tables).items()),
        "<h2>Summary</h2>",
        *_summary(tables),
        *_answers(log, tables),
        "<h2>How configurations differ</h2>",
        *_differences(configurations.differences(labelled)),
        "<h2>Health</h2>",
        _health(health.notes(log.runs, log.metrics)),
        "<h2>What the runs and the readers noted</h2>",
        _noted(log),
        "<h2>Runs</h2>",
        *(_run(run) for run in labelled.iter_rows(named=True)),
    ]
    return PAGE.format(body="\n".join(parts))


def _verdicts(table: pl.DataFrame) -> Iterator[str]:
    """The sentences by format and aspect; those that show a difference are in bold."""
    if table.is_empty():
        yield _paragraph(verdict.NOTHING)
    for (format_, aspect), ours in table.group_by("format", "aspect", maintain_order=True):
        yield f"<h3>{_safe(FORMATS[str(format_)].split(':')[0])}: {_safe(str(aspect))}</h3><ul>"
        for sentence, p in ours.select("sentence", "p_holm").rows():
            shown = p is not None and p < verdict.LEVEL
            yield f"<li>{f'<strong>{_safe(sentence)}</strong>' if shown else _safe(sentence)}</li>"
        yield "</ul>"


def _figure(name: str, figure: Any) -> str:
    """A picture as inline SVG whose ink is the page's, so that it is legible on dark paper too."""
    kind, _, number = name.partition("-")
    caption = CAPTIONS[kind] + (f" Part {number}." if number else "")
    svg = plot.rendered(figure, "svg", transparent=True).decode()
    svg = svg[svg.index("<svg") :].replace("<svg", f'<svg role="img" aria-label="{caption}"', 1)
    svg = svg.replace(f": {plot.INK}", ": var(--ink)").replace(f": {plot.MUTED}", ": var(--muted)")
    return f"<figure><figcaption>{caption}</figcaption>{_scroll(svg)}</figure>"


def _summary(tables: summary.Tables) -> Iterator[str]:
    for heading, runs, by_configuration in summary.by_format(tables):
        yield f"<h3>{escape(heading)}</h3>"
        yield _table(summary.configuration_rows(by_configuration))
        yield "<h4>Runs</h4>"
        yield _table(summary.run_rows(runs))
    if tables.pools.height:
        yield f"<h3>{escape(summary.POOLS_HEADING)}</h3>"
        yield _table(summary.pool_rows(tables.pools))
    yield _paragraph(" ".join([*summary.notation(tables), summary.CURVE]), small=True)
    yield _list([f"{m.heading}: {m.definition}" for m in MEASURES.values()], small=True)


def _answers(log: Log, tables: summary.Tables) -> Iterator[str]:
    """Tables of the predictions; nothing where no run left any."""
    diagnosed = diagnosis.diagnose(log.predictions, tables.runs)
    shown = diagnosis.shown(diagnosed, verdict.compared(tables.runs))
    if shown.height:
        yield f"<h2>{escape(diagnosis.HEADING)}</h2>"
        yield _table(diagnosis.rows(shown))
        yield _paragraph(diagnosis.NOTATION, small=True)


def _differences(table: pl.DataFrame) -> Iterator[str]:
    """A table a format: a row a configuration, a column a field in which they differ."""
    for (format_,), ours in table.group_by("format", maintain_order=True):
        wide = ours.drop("format").pivot("field", index="configuration", values="value")
        rows = [[cell or "unset" for cell in row] for row in wide.rows()]
        yield f"<h3>{escape(FORMATS[str(format_)].split(':')[0])}</h3>"
        yield _table([wide.columns, *rows], text=True)


def _health(notes: pl.DataFrame) -> str:
    if notes.is_empty():
        return _paragraph("Nothing to note.")
    return _table(
        [["run", "note", "finding"], *notes.select("run_id", "note", "text").rows()], text=True
    )


def _noted(log: Log) -> str:
    """Broken lines by file, the notes of the readers, and the warnings in the logs."""
    broken = [
        f"{source}, line {line}: {reason}; left out" for source, line, reason in log.rejected.rows()
    ]
    warned = [
        f"{row['run_id']}, epoch {row['epoch']}: {row['message']}; {row['action']}"
        for row in log.warnings.iter_rows(named=True)
    ]
    return _list([*log.notes, *broken, *warned] or ["Nothing."])


def _run(run: dict[str, Any]) -> str:
    """One run, folded: what is known of it, and its whole config."""
    known = [
        [name, _text(run[name])] for name in RUNS if name not in ("run_id", "config", "decides")
    ]
    config = json.loads(run["config"]) if run["config"] else None
    rows = (
        [[name, _text(value)] for name, value in config.items()] if isinstance(config, dict) else []
    )
    body = _table([["", "run"], *known], text=True)
    body += (
        _table([["", "config"], *rows], text=True) if rows else _paragraph("No config in the log.")
    )
    heading = f'{_safe(run["run_id"])} <span class="small">{_safe(run["configuration"])}</span>'
    return f"<details><summary>{heading}</summary>{body}</details>"


def _table(rows: Sequence[Sequence[str]], text: bool = False) -> str:
    """Rows of text, headings first; `text`: cells are words, to the left, the last one wrapped."""
    head = "".join(f"<th>{_safe(cell)}</th>" for cell in rows[0])
    body = "".join(
        f"<tr>{''.join(f'<td>{_safe(cell)}</td>' for cell in row)}</tr>" for row in rows[1:]
    )
    kind = ' class="text"' if text else ""
    return _scroll(f"<table{kind}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")


def _scroll(content: str) -> str:
    # Focusable, so that the keyboard can scroll it too.
    return f'<div class="scroll" tabindex="0">{content}</div>'


def _list(items: Sequence[str], small: bool = False) -> str:
    kind = ' class="small"' if small else ""
    return f"<ul{kind}>{''.join(f'<li>{_safe(item)}</li>' for item in items)}</ul>"


def _paragraph(text: str, small: bool = False) -> str:
    kind = ' class="small"' if small else ""
    return f"<p{kind}>{_safe(text)}</p>"


def _text(value: Any) -> str:
    """A value of a config or of RUNS as one word, '–' where there is none."""
    if value is None:
        return "–"
    return str(value) if not isinstance(value, list | dict | bool) else json.dumps(value)


def _safe(text: str) -> str:
    return escape(printable(text))


def _report(options: Options) -> None:
    """The job: read, write, say where."""
    log = logs.read(options.paths)
    summary.tell(log)
    folder = output.folder(options.paths, options.out)
    print(f"wrote {output.write(folder / 'report.html', page(log))}")


def main() -> None:
    """`python -m analysis.report`."""
    commandline.main(_report, Options, prog="report", positional="paths")


if __name__ == "__main__":
    main()
