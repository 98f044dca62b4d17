"""What a Python program uses: tables and pictures of a log that `read` has read.

A log may hold several studies, whose runs answer different questions: tables have a column `study`,
and a picture is of one of them.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

import polars as pl

from analysis.errors import AnalysisError
from analysis.rendering.figures import convergence, curves, loss
from analysis.rendering.figures import effects as effects_picture
from analysis.rendering.style import styles
from analysis.schema import SPLITS, Log
from analysis.statistics.measures import MEASURES
from analysis.statistics.results import Results, of_studies, stacked
from analysis.statistics.study_effects import MEASURED

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def summarise(log: Log) -> pl.DataFrame:
    """Measure each configuration of each study: one row each, with `study` and the columns of
    `configuration_measures.per_configuration`. Shares are from 0 to 1.

    >>> table = summarise(read(["logs/reference/strong-*.jsonl"]))
    >>> table["configuration", "runs", "last_test", "last_test_low", "last_test_high"].shape
    (4, 5)
    """
    return stacked((results, results.by_configuration) for results in of_studies(log))


def effects(log: Log) -> pl.DataFrame:
    """Estimate what LayerNorm and ReLU do in each study: one row per effect, with `study` and the
    columns of `study_effects.EFFECTS`. Effects are shares: 0.01 is a percentage point.

    >>> found = effects(read(["logs/reference/strong-*.jsonl"])).filter(measure="test")
    >>> found["effect"].to_list()
    ['LayerNorm', 'ReLU', 'interaction']
    """
    return stacked((results, results.effects) for results in of_studies(log))


def plot_effects(
    log: Log, measure: str = "test", *, study: str | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw the effects on a measure of a study, in percentage points; returns the axes.

    `measure` is one of `study_effects.MEASURED`. Raises `AnalysisError`
    where the study has no effects on it, and where there are several studies and none is named.

    >>> ax = plot_effects(read(["logs/reference/strong-*.jsonl"]))
    >>> ax.get_xlabel()
    'percentage points of top-1'
    """
    _check(measure, MEASURED)
    found = _of(log, study).effects.filter(measure=measure)
    if found.is_empty():
        raise AnalysisError(f"{measure!r}: this study has no effects on it")
    return effects_picture.plot_effects(found, found["effect"].to_list(), ax)


def plot_curves(
    log: Log, split: str = "test", *, study: str | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw top-1 of one split against epochs, one line per configuration; returns the axes.

    Axes of its own have a legend. Raises `AnalysisError` as `plot_effects` does.

    >>> ax = plot_curves(read(["logs/reference/strong-*.jsonl"]), "validation")
    >>> [name.get_text() for name in ax.get_legend().get_texts()][:2]
    ['with_layernorm', 'with_layernorm_relu']
    """
    _check(split, SPLITS)
    results = _of(log, study)
    of_split = results.bands.filter(split=split)
    if of_split.is_empty():
        raise AnalysisError(f"{split!r}: this study has no evaluations of it")
    return _with_legend(curves.plot_curves(of_split, styles(results.by_run), ax), ax)


def plot_measure(
    log: Log, measure: str = "last_test", *, study: str | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw one of `measures.MEASURES`, one row per configuration with its interval.

    Returns the axes. Raises `AnalysisError` as `plot_effects` does.

    >>> ax = plot_measure(read(["logs/reference/strong-*.jsonl"]), "area")
    >>> len(ax.get_yticks())
    4
    """
    _check(measure, MEASURES)
    results = _of(log, study)
    tables = results.by_configuration, results.by_run
    return convergence.plot_measure(*tables, measure, styles(results.by_run), ax)


def plot_loss(
    log: Log, configuration: str, *, study: str | None = None, ax: "Axes | None" = None
) -> "Axes":
    """Draw the loss of one configuration and its parts; returns the axes.

    Axes of its own have a legend. Raises `AnalysisError` as `plot_effects` does.

    >>> ax = plot_loss(read(["logs/reference/strong-*.jsonl"]), "with_layernorm_relu")
    >>> ax.get_legend().get_texts()[0].get_text()
    'loss'
    """
    results = _of(log, study)
    looks = styles(results.by_run)
    _check(configuration, results.by_configuration["configuration"])
    of_one = results.losses.filter(configuration=configuration)
    if of_one.is_empty():
        raise AnalysisError(f"{configuration!r}: the log that was read has no losses of it")
    return _with_legend(loss.plot_loss(of_one, looks[configuration], ax), ax)


def _with_legend(drawn: "Axes", given: "Axes | None") -> "Axes":
    """Add a legend to axes of our own; who gives axes may want one for several."""
    if given is None:
        drawn.legend()
    return drawn


def _of(log: Log, study: str | None) -> Results:
    found = {results.study.name: results for results in of_studies(log)}
    if study is None and len(found) == 1:
        return next(iter(found.values()))
    if study not in found:
        names = ", ".join(repr(name) for name in found)
        raise AnalysisError(f"study={study!r}: name one of {names}")
    return found[study]


def _check(value: str, names: Collection[str] | pl.Series) -> None:
    if value not in names:
        raise AnalysisError(f"{value!r}: name one of {', '.join(names)}")
