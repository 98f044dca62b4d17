from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from analysis.readers import logs
from analysis.schema import Log
from analysis.statistics.scalars import scalars


def series(metrics: pl.DataFrame, tag: str, of_legacy: bool = False) -> list[tuple[int, float]]:
    return scalars(metrics, of_legacy).filter(pl.col("tag") == tag).select("step", "value").rows()


def test_every_event_has_its_series_over_optimiser_steps(read_runs: Callable[..., Log]) -> None:
    metrics = read_runs({"steps": (10, 14)}).metrics
    assert series(metrics, "train/loss") == [(10, 2.0), (14, 2.0), (24, 1.0), (28, 1.0)]
    assert series(metrics, "top1/validation") == [(0, 0.125), (14, 0.25), (28, 0.375)]
    assert series(metrics, "untrained_top1/test") == [(0, 0.1)]
    assert series(metrics, "mine/hard_ratio") == [(0, 0.8), (14, pytest.approx(0.7))]
    assert series(metrics, "top1_epa/test") == [(28, 0.25)]


def test_evaluations_of_schema_1_stand_at_the_last_step_before_them(
    read_runs: Callable[..., Log],
) -> None:
    metrics = read_runs({"steps": (10, 14), "schema": 1}).metrics
    assert series(metrics, "top1/test") == [(0, 0.1), (14, 0.3), (28, 0.2)]


def test_the_epochs_of_a_legacy_log_follow_each_other(
    tmp_path: Path, legacy_text: Callable[..., str]
) -> None:
    (tmp_path / "with_relu_logs.txt").write_text(legacy_text(steps=(0, 5)), encoding="utf-8")
    metrics = logs.read([tmp_path]).metrics
    assert [step for step, _ in series(metrics, "train/loss", True)] == [0, 5, 6, 11, 12, 17]
    assert [step for step, _ in series(metrics, "top1/test", True)] == [6, 12, 18]
