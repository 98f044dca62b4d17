"""Computes all statistics of one study, each once, for text, figures and HTML alike."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from analysis.schema import Log
from analysis.statistics import curve_checks, error_analysis, losses, pools, study_effects
from analysis.statistics.configuration_measures import per_configuration
from analysis.statistics.curves import bands, curves
from analysis.statistics.epochs import with_fractions
from analysis.statistics.measures import per_run
from analysis.statistics.studies import Study, studies

#: Configurations that a picture has room for.
MOST_DRAWN = 24


@dataclass(frozen=True, eq=False)
class Results:
    """The statistics of one study. Each is computed when it is first asked for, and then kept.

    `target` is the validation top-1, a share, up to which epochs are counted; None: the highest
    multiple of five points that all runs reach.
    """

    study: Study
    target: float | None = None

    @property
    def log(self) -> Log:
        """What was read of the study's runs."""
        return self.study.log

    @cached_property
    def by_run(self) -> pl.DataFrame:
        """The measures of each run, see `measures.per_run`."""
        return per_run(self.log.runs, self.log.metrics, self.target)

    @cached_property
    def by_configuration(self) -> pl.DataFrame:
        """The measures of each configuration, see `configuration_measures.per_configuration`."""
        return per_configuration(self.by_run)

    @property
    def drawn(self) -> pl.DataFrame:
        """The rows of `by_configuration` that pictures show."""
        return self.by_configuration.head(MOST_DRAWN)

    @cached_property
    def pools(self) -> pl.DataFrame:
        """Top-1 in each pool of candidates, see `pools.pools`."""
        return pools.pools(self.by_run, self.log.metrics)

    @cached_property
    def effects(self) -> pl.DataFrame:
        """What LayerNorm and ReLU do, see `study_effects.study_effects`."""
        return study_effects.study_effects(self.log.runs, self.by_run, self.log.predictions)

    @cached_property
    def curves(self) -> pl.DataFrame:
        """Top-1 of each run against epochs and parts of the first one, see `curves.curves`."""
        return curves(with_fractions(self.log.runs, self.log.metrics))

    @cached_property
    def bands(self) -> pl.DataFrame:
        """Top-1 of each configuration, see `curves.bands`."""
        return bands(self.curves, self.by_run)

    @cached_property
    def untrained(self) -> dict[str, float]:
        """Top-1 of the untrained encoder by split, the mean over runs; {} where none is logged."""
        found = self.log.metrics.filter(event="untrained", metric="top1").drop_nulls("value")
        means = found.group_by("split", maintain_order=True).agg(pl.col("value").mean())
        return dict(means.rows())

    @cached_property
    def ranks_by_hubness(self) -> bool:
        """Whether hubness changes the top-1 of an evaluation."""
        found = self.log.metrics.filter(event="eval")
        top1, by_head = (found.filter(metric=metric) for metric in ("top1", "head_top1"))
        both = top1.join(by_head, on=["run_id", "epoch", "step", "split"], suffix="_by_head")
        return bool((both["value"] != both["value_by_head"]).any())

    @cached_property
    def losses(self) -> pl.DataFrame:
        """The loss of each configuration, see `losses.losses`."""
        return losses.losses(self.log.runs, self.log.metrics, self.by_run)

    @cached_property
    def hard_ratios(self) -> pl.DataFrame:
        """The share of hard negatives of each configuration, see `losses.hard_ratios`."""
        return losses.hard_ratios(self.log.metrics, self.by_run)

    @cached_property
    def error_analysis(self) -> pl.DataFrame:
        """Right and wrong answers by group of points, see `error_analysis.analyse`."""
        return error_analysis.analyse(self.log.predictions, self.by_run)

    @cached_property
    def shown_errors(self) -> pl.DataFrame:
        """What of `error_analysis` a person is shown, see `error_analysis.shown`."""
        return error_analysis.shown(self.error_analysis)

    @cached_property
    def curve_checks(self) -> pl.DataFrame:
        """What is wrong with the curves and logs of runs, see `curve_checks.check`."""
        return curve_checks.check(self.log.runs, self.log.metrics)


def stacked(tables: Iterable[tuple[Results, pl.DataFrame]]) -> pl.DataFrame:
    """Stack tables of studies into one, with a column `study` first; what a table lacks is null."""
    named = (t.select(pl.lit(results.study.name).alias("study"), pl.all()) for results, t in tables)
    return pl.concat(named, how="diagonal_relaxed")


def of_studies(log: Log, target: float | None = None) -> list[Results]:
    """Split a log into studies, and return the results of each, see `studies.studies`."""
    return [Results(study, target) for study in studies(log)]
