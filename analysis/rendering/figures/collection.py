"""Draws every picture that the logs have figures for."""

from typing import TYPE_CHECKING

import polars as pl

from analysis.rendering.figures.comparison import comparison_figure
from analysis.rendering.figures.convergence import convergence_figure
from analysis.rendering.figures.error_analysis import error_figure
from analysis.rendering.figures.loss import loss_figure
from analysis.rendering.figures.runs import run_figures
from analysis.rendering.style import RC, styles
from analysis.statistics.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figures(results: Results, smooth: int = 1) -> "dict[str, Figure]":
    """Draw all pictures: file name without ending → figure.

    All but those of single runs show the configurations that are compared. `smooth` is the number
    of evaluations that a line of top-1 is the mean of.
    """
    import matplotlib

    # Those that are compared share axes, so they choose among all styles; the rest never meet them.
    others = ~pl.col("configuration").is_in(results.compared)
    looks = styles(results.by_configuration.filter(others)) | styles(
        results.compared_configurations
    )
    found = {}
    with matplotlib.rc_context(RC):
        if results.curves.height:
            found["comparison"] = comparison_figure(results, looks, smooth)
            found["convergence"] = convergence_figure(results, looks)
        if results.losses.height:
            found["loss"] = loss_figure(results, looks)
        if results.shown_errors.height:
            found["diagnosis"] = error_figure(results.shown_errors, looks)
        pages = list(run_figures(results, looks, smooth))
        for number, page in enumerate(pages, 1):
            found["runs" if len(pages) == 1 else f"runs-{number}"] = page
    return found
