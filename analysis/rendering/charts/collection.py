"""Makes every chart that the logs have figures for."""

from analysis.rendering.charts.chart import Chart
from analysis.rendering.charts.convergence import convergence_chart
from analysis.rendering.charts.curves import curves_chart
from analysis.rendering.charts.effects import effects_chart
from analysis.rendering.charts.error_analysis import error_analysis_chart
from analysis.rendering.charts.loss import loss_chart
from analysis.rendering.selection import drawn_losses, large_groups
from analysis.rendering.style import styles
from analysis.statistics.results import Results


def charts(results: Results) -> list[Chart]:
    """Make all charts of a study, the answer first."""
    every = styles(results.by_run)
    looks = {name: every[name] for name in results.drawn["configuration"]}
    found = []
    if results.effects.height:
        found.append(effects_chart(results))
    if results.curves.height:
        found += [curves_chart(results, looks), convergence_chart(results, looks)]
    if drawn_losses(results).height:
        found.append(loss_chart(results, looks))
    if large_groups(results).height:
        found.append(error_analysis_chart(results, looks))
    return found
