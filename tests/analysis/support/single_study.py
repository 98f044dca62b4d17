"""The results of a log whose runs are all of one study."""

from analysis.schema import Log
from analysis.statistics.results import Results, of_studies


def one_study(log: Log, target: float | None = None) -> Results:
    (results,) = of_studies(log, target)
    return results
