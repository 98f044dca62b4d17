from collections.abc import Callable
from dataclasses import replace

from made_up_runs import scaled
from single_study import one_study

from analysis.schema import Log
from analysis.statistics.results import of_studies


def test_empty_logs_give_empty_tables(read: Callable[..., Log]) -> None:
    log = read({})
    assert of_studies(replace(log, runs=log.runs.clear(), metrics=log.metrics.clear())) == []
    results = one_study(replace(log, metrics=log.metrics.clear()))
    tables = (results.pools, results.effects, results.curves, results.losses, results.shown_errors)
    assert all(table.is_empty() for table in tables)
    assert results.by_run.height == results.by_configuration.height == 1


def test_the_results_of_a_study_are_of_its_runs_alone(read: Callable[..., Log]) -> None:
    log = read({"config": {"lr": 1}}, {"config": {"lr": 2}, "top1": scaled(0.5)})
    one, other = of_studies(log, target=0.2)
    assert one.by_run["best_validation"].to_list() == [0.4]
    assert other.by_run["best_validation"].to_list() == [0.2]
    assert [set(results.by_run["target"]) for results in (one, other)] == [{0.2}] * 2


def test_each_statistic_is_computed_once(read: Callable[..., Log]) -> None:
    results = one_study(read({}))
    assert results.by_run is results.by_run
    assert results.error_analysis is results.error_analysis
