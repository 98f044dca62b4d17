"""Writes the parts that the report's page is made of: paragraphs, lists, tables, charts.

Every text is escaped here, and the data of a chart cannot close its script element.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from analysis.printable import printable
from analysis.rendering.charts.chart import Chart, Key, Panel

#: Attributes of an element, such as the variant and run that a row is of.
Marks = Mapping[str, str | None]


def safe(text: str) -> str:
    """Strip control characters from text and escape it."""
    return escape(printable(text))


def paragraph(text: str, small: bool = False) -> str:
    """Write a paragraph of plain text; nothing where there is none."""
    kind = ' class="small"' if small else ""
    return f"<p{kind}>{safe(text)}</p>" if text else ""


def bullets(items: Sequence[str], small: bool = False) -> str:
    """Write a list of plain texts; nothing where there are none."""
    kind = ' class="small"' if small else ""
    return f"<ul{kind}>{''.join(f'<li>{safe(item)}</li>' for item in items)}</ul>" if items else ""


def folded(summary: str, body: str, name: str) -> str:
    """Write content that opens on demand; `name` is its id."""
    return f'<details id="{safe(name)}"><summary>{summary}</summary>{body}</details>'


def attributes(marks: Marks) -> str:
    """Write the attributes data-… of an element, where they have a value."""
    return "".join(f' data-{n}="{safe(v)}"' for n, v in marks.items() if v is not None)


def table(
    cells: Sequence[Sequence[str]],
    *,
    name: str = "",
    text: bool = False,
    marks: Sequence[Marks] = (),
    columns: Sequence[Marks] = (),
) -> str:
    """Write rows of text, headings first.

    A table with a `name`, its id, can be sorted by the reader. `text`: the cells are words, aligned
    to the left, and the last column is wrapped. `marks` are attributes of the rows below the
    headings, `columns` those of columns. A row that is marked with a run has a box that removes the
    run from the charts.
    """
    of_columns = columns or [{}] * len(cells[0])
    switches = any("run" in mark for mark in marks)
    head = "".join(_head(c, m, name) for c, m in zip(cells[0], of_columns, strict=True))
    body = []
    for number, row in enumerate(cells[1:]):
        mark = marks[number] if marks else {}
        first = f"<td>{_run_box(mark)}</td>" if switches else ""
        tds = "".join(
            f"<td{attributes(m)}>{safe(cell)}</td>" for cell, m in zip(row, of_columns, strict=True)
        )
        body.append(f"<tr{attributes(mark)}>{first}{tds}</tr>")
    kind = ' class="text"' if text else ""
    identity = f' id="{safe(name)}"' if name else ""
    first = "<th>drawn</th>" if switches else ""
    return scroll(
        f"<table{kind}{identity}><thead><tr>{first}{head}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table>"
    )


def scroll(content: str) -> str:
    """Wrap content so that it scrolls by itself; focusable, so that the keyboard scrolls it too."""
    return f'<div class="scroll" tabindex="0">{content}</div>'


def chart(drawn: Chart, name: str) -> str:
    """Write a chart as a figure of the id `name`: heading, sentence, legend, panels."""
    return (
        f'<figure id="{safe(name)}"><h3>{safe(drawn.heading)}</h3>'
        f"<figcaption>{safe(drawn.sentence)} "
        f'<span class="small">{safe(drawn.note)}</span></figcaption>'
        f"{_legend(drawn.legend)}"
        f'<div class="panels">{"".join(_panels(drawn))}</div></figure>'
    )


def data(value: Any) -> str:
    """Write a value as JSON that cannot close the script element around it."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def box(kind: str, value: str, label: str) -> str:
    """Write a box that shows and hides what has this mark; `label` is HTML."""
    switch = f'<input type="checkbox" data-switch="{kind}" value="{safe(value)}" checked>'
    return f"<label>{switch} {label}</label>"


def glyph(key: Key) -> str:
    """Write the sign of a legend's entry, in its colour."""
    return f'<span style="color:{key.color}" aria-hidden="true">{key.glyph}</span>'


def _head(text: str, marks: Marks, sortable: str) -> str:
    content = f"<button>{safe(text)}</button>" if sortable else safe(text)
    sort = ' aria-sort="none"' if sortable else ""
    return f"<th{sort}{attributes(marks)}>{content}</th>"


def _run_box(mark: Marks) -> str:
    run = str(mark["run"])
    return (
        f'<input type="checkbox" data-switch="run" value="{safe(run)}" checked '
        f'aria-label="draw {safe(run)}">'
    )


def _legend(keys: Sequence[Key]) -> str:
    items = (
        f"<li{attributes({'variant': key.variant})}>{glyph(key)} {safe(key.text)}</li>"
        for key in keys
    )
    return f'<ul class="legend">{"".join(items)}</ul>' if keys else ""


def _panels(drawn: Chart) -> Iterator[str]:
    """Write each panel: a place that the page's script draws into, and beside it the data."""
    for panel in drawn.panels:
        label = f"{panel.title}. {drawn.sentence} Arrow keys read the points."
        yield (
            f'<div class="panel"{attributes({"variant": panel.variant})}>'
            f"<h4>{safe(panel.title)}</h4>"
            f'<div class="chart" style="height:{panel.height}px" tabindex="0" role="group" '
            f'aria-roledescription="chart" aria-label="{safe(label)}"></div>'
            f'<script type="application/json">{_spec(panel)}</script>'
            '<output class="said" aria-live="polite"></output></div>'
        )


def _spec(panel: Panel) -> str:
    return data({"data": panel.traces, "layout": panel.layout})
