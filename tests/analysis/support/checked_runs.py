"""Made-up metrics of one run, and what `curve_checks.check` finds in them."""

from typing import Any

import polars as pl

from analysis.schema import METRICS, RUNS
from analysis.statistics import curve_checks

RISING = [0.1, 0.2, 0.3, 0.35, 0.38, 0.40, 0.42, 0.44, 0.46, 0.48]


def runs(**values: Any) -> pl.DataFrame:
    usual = {"run_id": "a", "format": "jsonl", "status": "completed", "config": '{"epochs": 10}'}
    return pl.DataFrame([{**usual, **values}], schema=RUNS)


def evaluations(n: int | None = 1000, **curves: list[float | None]) -> list[tuple[Any, ...]]:
    """METRICS rows of top-1: split → its value after 0, 1, … epochs; None: not evaluated."""
    splits = {"training": RISING, "validation": RISING, "test": RISING, **curves}
    return [
        ("a", "eval", epoch, None, split, "top1", value, n)
        for split, values in splits.items()
        for epoch, value in enumerate(values)
        if value is not None
    ]


def logged(event: str, metric: str, *values: float | None) -> list[tuple[Any, ...]]:
    """METRICS rows of one value an epoch."""
    return [
        ("a", event, epoch, epoch, None, metric, value, None) for epoch, value in enumerate(values)
    ]


def notes(*rows: list[tuple[Any, ...]], **run: Any) -> list[dict[str, Any]]:
    metrics = pl.DataFrame([row for group in rows for row in group], schema=METRICS, orient="row")
    return curve_checks.check(runs(**run), metrics).to_dicts()


def only(found: list[dict[str, Any]]) -> dict[str, Any]:
    assert len(found) == 1, found
    return found[0]
