"""Makes the report's page again every few seconds while runs are in progress, at little cost.

Only what is new in the logs is read, and only parts of the page that can have changed are made
again: the section on runs in progress every time, a study when one of its runs has started,
evaluated or ended.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import polars as pl

from analysis.errors import AnalysisError
from analysis.readers import logs
from analysis.readers.cache import Cache
from analysis.rendering import html, html_live
from analysis.rendering.html_parts import paragraph
from analysis.schema import Log
from analysis.statistics.epochs import with_fractions
from analysis.statistics.progress import progress
from analysis.statistics.results import Results, of_studies
from analysis.statistics.studies import Study, studies

#: Seconds between two pages.
EVERY = 5

#: While runs are in progress, studies that were made again then stay as they are for this many
#: times the CPU time that it took, so that they use less than one percent of a core, however many
#: runs there are.
PAUSE_FACTOR = 150


@dataclass
class Watcher:
    """The report's page for some paths, with the parts of it that are kept for the next page."""

    paths: Sequence[str]
    _cache: Cache = field(default_factory=Cache)
    _seen: object = None  # the state of the logs at the last page
    _stale: bool = True  # whether its studies may be older than that
    _signature: object = None  # that of the runs when studies were last made
    _paused_until: float = 0.0
    _opening: str = ""
    _closing: str = ""
    _studies: dict[object, tuple[Results, str]] = field(default_factory=dict)

    def page(self) -> bytes | None:
        """Read what is new and return the page; None where the page is as before.

        Raises `AnalysisError` as `logs.read` does; a folder may hold no log yet.
        """
        try:
            log = logs.read(self.paths, cache=self._cache)
        except AnalysisError as error:
            if not all(Path(path).is_dir() for path in self.paths):
                raise
            return self._waiting(str(error))
        seen = (self._cache.pieces, _states(log))
        goes_on = "running" in log.runs["status"]
        paused = goes_on and time.monotonic() < self._paused_until
        if seen == self._seen and (paused or not self._stale):
            return None
        self._seen, self._stale = seen, paused
        if not paused:
            self._renew(log)
        parts = [*(part for _, part in self._studies.values()), self._closing]
        return html.document(self._opening, parts, _in_progress(log))

    def last_page(self) -> bytes:
        """Return the whole page as a final report, which does not refresh itself.

        Where there is no log yet, it says so.
        """
        try:
            log = logs.read(self.paths)
        except AnalysisError as error:
            return html.document(html.opening([]), ["<h2>No run yet</h2>", paragraph(str(error))])
        return html.page(log, of_studies(log))

    def _waiting(self, reason: str) -> bytes | None:
        """Return a page that says why there is nothing to show; None where it is as before."""
        if reason == self._seen:
            return None
        self._seen = reason
        live = html_live.section("No run yet", paragraph(reason), datetime.now(), EVERY)
        return html.document(html.opening([]), [], live)

    def _renew(self, log: Log) -> None:
        """Make the studies that have changed again, and the parts of the page around them."""
        began, former = time.process_time(), self._studies
        signature = _signature(log)
        if signature == self._signature:
            return
        self._signature = signature
        every = {(s.name, _signature(s.log)): s for s in studies(log)}
        self._studies = {known: former.get(known) or _made(study) for known, study in every.items()}
        results = [results for results, _ in self._studies.values()]
        self._opening, self._closing = html.opening(results), html.closing(log, results)
        if former:
            self._paused_until = time.monotonic() + PAUSE_FACTOR * (time.process_time() - began)


def _made(study: Study) -> tuple[Results, str]:
    results = Results(study)
    return results, html.study(results)


def _in_progress(log: Log) -> str:
    """Write the section on runs in progress."""
    runs = log.runs.filter(status="running")
    metrics = log.metrics.join(runs, on="run_id", how="semi", maintain_order="left")
    placed = with_fractions(runs, metrics)
    return html_live.in_progress(progress(runs, metrics), placed, datetime.now(), EVERY)


def _states(log: Log) -> object:
    return tuple(log.runs.select("run_id", "status").rows())


def _signature(log: Log) -> object:
    """Return a value that changes with the runs, but not with their losses and mining."""
    counted = log.metrics.filter(~pl.col("event").is_in(["step", "mine"])).height
    rest = log.predictions.height, log.warnings.height, log.rejected.height, log.notes
    return _states(log), counted, *rest
