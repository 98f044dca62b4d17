from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from analysis.readers import logs
from analysis.schema import Log
from analysis.statistics.epochs import with_fractions

THREE = {"steps": (10, 14), "config": {"batch_size": 3}}  # 40 pairs: 14 steps an epoch


def places(log: Log, event: str = "step", metric: str = "loss") -> list[float | None]:
    """Where the values of one metric stand, in epochs."""
    found = with_fractions(log.runs, log.metrics).filter(event=event, metric=metric)
    return found["epoch"].to_list()


def test_a_step_stands_where_its_part_of_the_epoch_ends(read_runs: Callable[..., Log]) -> None:
    expected = [10 / 14, 1, 24 / 14, 2]
    assert places(read_runs(THREE)) == expected
    assert places(read_runs(THREE, schema=1)) == expected  # whose evaluations tell no step


def test_an_epoch_that_was_cut_short_is_as_long_as_the_others(
    read_runs: Callable[..., Log],
) -> None:
    log = read_runs(THREE)
    cut = log.metrics.filter((pl.col("event") != "step") | (pl.col("step") <= 10))
    cut = cut.filter((pl.col("event") != "eval") | (pl.col("epoch") == 0))
    assert places(Log(log.runs, cut, log.rejected, log.warnings)) == [10 / 14]


@pytest.mark.parametrize("batch_size", [None, 0, -1, "many", True])
def test_without_a_batch_size_the_last_step_of_an_epoch_tells_its_length(
    read_runs: Callable[..., Log], batch_size: object
) -> None:
    config = {"batch_size": batch_size}
    assert places(read_runs(THREE | {"config": config})) == [10 / 14, 1, 24 / 14, 2]


def test_the_first_epoch_is_as_long_as_the_others_for_the_evaluations_within_it(
    read_runs: Callable[..., Log],
) -> None:
    log = read_runs({"within": (0.9,)})
    assert places(log, "eval", "top1")[3:6] == [0.5] * 3
    metrics = log.metrics.filter(pl.col("event") == "eval", pl.col("epoch") == 0)
    untold = Log(log.runs, metrics, log.rejected, log.warnings)
    assert places(untold, "eval", "top1") == [0] * 3 + [None] * 3


def test_mini_batches_of_a_legacy_log_count_from_0_in_each_epoch(
    tmp_path: Path, legacy_text: Callable[..., str]
) -> None:
    path = tmp_path / "with_relu_logs.txt"
    path.write_text(legacy_text(steps=(0, 9)), encoding="utf-8")
    assert places(logs.read([path])) == pytest.approx([0.1, 1, 1.1, 2, 2.1, 3])
