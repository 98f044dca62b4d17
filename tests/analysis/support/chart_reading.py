"""What a chart of the report holds, as the tests of charts read it."""

from typing import Any

import plotly.graph_objects as go

from analysis.rendering.charts.chart import Chart, Panel


def checked(chart: Chart) -> dict[str, Panel]:
    """The panels of a chart by their titles; plotly's own classes accept each of them."""
    for panel in chart.panels:
        go.Figure(panel.traces, panel.layout)
    return {panel.title: panel for panel in chart.panels}


def named(panel: Panel, name: str) -> list[dict[str, Any]]:
    """The traces of this name."""
    return [trace for trace in panel.traces if trace["name"] == name]


def points(trace: dict[str, Any]) -> list[tuple[Any, Any]]:
    return list(zip(trace["x"], trace["y"], strict=True))
