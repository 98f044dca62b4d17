"""Draws every picture that the logs have figures for."""

from typing import TYPE_CHECKING

from analysis.rendering.figures.convergence import convergence_figure
from analysis.rendering.figures.curves import curves_figure
from analysis.rendering.figures.effects import effects_figure
from analysis.rendering.figures.error_analysis import error_analysis_figure
from analysis.rendering.figures.loss import loss_figure
from analysis.rendering.figures.runs import run_figures
from analysis.rendering.selection import drawn_losses, large_groups
from analysis.rendering.style import house_style, styles
from analysis.statistics.results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figures(results: Results, smooth: int = 1) -> "dict[str, Figure]":
    """Draw all pictures of a study: file name without ending → figure, the answer first.

    `smooth` is the number of evaluations that a line of top-1 is the mean of.
    """
    looks = styles(results.by_run)
    found = {}
    with house_style():
        if results.effects.height:
            found["effects"] = effects_figure(results)
        if results.curves.height:
            found["curves"] = curves_figure(results, looks, smooth)
            found["convergence"] = convergence_figure(results, looks)
        if drawn_losses(results).height:
            found["loss"] = loss_figure(results, looks)
        if large_groups(results).height:
            found["error_analysis"] = error_analysis_figure(results, looks)
        pages = list(run_figures(results, looks, smooth))
        for number, page in enumerate(pages, 1):
            found["runs" if len(pages) == 1 else f"runs-{number}"] = page
    return found
