from collections.abc import Callable

from analysis.schema import Log
from analysis.statistics.results import Results


def test_empty_logs_give_empty_tables(read: Callable[..., Log]) -> None:
    log = read({})
    results = Results(Log(log.runs.clear(), log.metrics.clear(), log.rejected, log.warnings))
    tables = (results.by_run, results.by_configuration, results.pools, results.error_analysis)
    assert all(table.is_empty() for table in tables)


def test_each_statistic_is_computed_once(read: Callable[..., Log]) -> None:
    results = Results(read({}))
    assert results.by_run is results.by_run
    assert results.error_analysis is results.error_analysis
