"""Computes all statistics of what was read, each once, for text, figures and HTML alike."""

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from analysis.schema import Log
from analysis.statistics import (
    configurations,
    curve_checks,
    error_analysis,
    losses,
    pools,
    significance,
)
from analysis.statistics.configuration_measures import per_configuration
from analysis.statistics.curves import bands, curves, within_first_epoch
from analysis.statistics.measures import per_run


@dataclass(frozen=True, eq=False)
class Results:
    """The statistics of one `Log`. Each is computed when it is first asked for, and then kept.

    Runs are compared within a format, and only those of `compared` configurations; pictures other
    than those of single runs show these alone.
    """

    log: Log

    @cached_property
    def labelled_runs(self) -> pl.DataFrame:
        """RUNS and the configuration of each run, see `configurations.label`."""
        return configurations.label(self.log.runs)

    @cached_property
    def differences(self) -> pl.DataFrame:
        """The fields in which configurations differ, see `configurations.differences`."""
        return configurations.differences(self.labelled_runs)

    @cached_property
    def by_run(self) -> pl.DataFrame:
        """The measures of each run, see `measures.per_run`."""
        return per_run(self.log.runs, self.log.metrics)

    @cached_property
    def by_configuration(self) -> pl.DataFrame:
        """The measures of each configuration, see `configuration_measures.per_configuration`."""
        return per_configuration(self.by_run)

    @cached_property
    def pools(self) -> pl.DataFrame:
        """Top-1 in each pool of candidates, see `pools.pools`."""
        return pools.pools(self.by_run, self.log.metrics)

    @cached_property
    def verdicts(self) -> pl.DataFrame:
        """The comparisons of configurations, see `significance.verdicts`."""
        return significance.verdicts(self.log.runs, self.by_run, self.log.predictions)

    @cached_property
    def compared(self) -> list[str]:
        """The names of the configurations that are compared, see `significance.compared`."""
        return significance.compared(self.by_run)

    @cached_property
    def compared_runs(self) -> pl.DataFrame:
        """`by_run` of the configurations that are compared."""
        return self.by_run.filter(pl.col("configuration").is_in(self.compared))

    @cached_property
    def compared_configurations(self) -> pl.DataFrame:
        """`by_configuration` of the configurations that are compared."""
        return self.by_configuration.filter(pl.col("configuration").is_in(self.compared))

    @cached_property
    def curves(self) -> pl.DataFrame:
        """Top-1 of each run against epochs and parts of the first one, see `curves.curves`."""
        return curves(within_first_epoch(self.log.metrics))

    @cached_property
    def bands(self) -> pl.DataFrame:
        """Top-1 of the compared configurations, see `curves.bands`."""
        return bands(self.curves, self.compared_runs)

    @cached_property
    def untrained(self) -> pl.DataFrame:
        """Top-1 of the untrained encoder: rows of METRICS."""
        return self.log.metrics.filter(event="untrained", metric="top1")

    @cached_property
    def losses(self) -> pl.DataFrame:
        """The loss of the compared configurations, see `losses.losses`."""
        return losses.losses(self.log.metrics, self.compared_runs)

    @cached_property
    def hard_ratios(self) -> pl.DataFrame:
        """The share of hard negatives of the compared configurations, see `losses.hard_ratios`."""
        return losses.hard_ratios(self.log.metrics, self.compared_runs)

    @cached_property
    def error_analysis(self) -> pl.DataFrame:
        """Right and wrong answers by group of points, see `error_analysis.analyse`."""
        return error_analysis.analyse(self.log.predictions, self.by_run)

    @cached_property
    def shown_errors(self) -> pl.DataFrame:
        """What of `error_analysis` a person is shown, see `error_analysis.shown`."""
        return error_analysis.shown(self.error_analysis, self.compared)

    @cached_property
    def curve_checks(self) -> pl.DataFrame:
        """What is wrong with the curves and logs of runs, see `curve_checks.check`."""
        return curve_checks.check(self.log.runs, self.log.metrics)
