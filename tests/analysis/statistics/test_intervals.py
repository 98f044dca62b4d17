import polars as pl
import pytest
from scipy import stats

from analysis.statistics import intervals


def wilson(share: float, n: float) -> tuple[float, float]:
    """Both ends of Wilson's score interval: the roots of a square equation."""
    z2 = stats.norm.ppf(0.975) ** 2
    a, b, c = n + z2, -(2 * n * share + z2), n * share**2
    root = (b**2 - 4 * a * c) ** 0.5
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


def test_wilson_is_that_of_fewer_points_because_points_of_one_debate_go_together() -> None:
    hits, points = [0, 1, 40, 80, 81, 577], [88, 81, 81, 81, 81, 1287]
    table = pl.DataFrame({"share": [h / n for h, n in zip(hits, points, strict=True)], "n": points})
    low, high = intervals.wilson(pl.col("share"), pl.col("n"))
    for (low_end, high_end), h, n in zip(
        table.select(low, high.alias("high")).rows(), hits, points, strict=True
    ):
        assert (low_end, high_end) == pytest.approx(wilson(h / n, n / 1.7), abs=1e-12)


def test_wilson_gives_the_ends_that_scipy_gives_where_points_have_nothing_in_common(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(intervals, "DESIGN_EFFECT", 1)
    table = pl.DataFrame({"share": [40 / 81], "n": [81]})
    low, high = intervals.wilson(pl.col("share"), pl.col("n"))
    expected = stats.binomtest(40, 81).proportion_ci(0.95, method="wilson")
    ends = table.select(low, high.alias("high")).row(0)
    assert ends == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_is_null_where_the_number_of_points_is_not_known() -> None:
    table = pl.DataFrame({"share": [0.5], "n": [None]}, schema={"share": pl.Float64, "n": pl.Int64})
    low, high = intervals.wilson(pl.col("share"), pl.col("n"))
    assert table.select(low, high.alias("high")).row(0) == (None, None)


def test_student_gives_the_ends_that_scipy_gives_and_none_for_one_run() -> None:
    values = [0.30, 0.34, 0.41]
    mean, sd = pl.Series(values).mean(), pl.Series(values).std()
    table = pl.DataFrame({"mean": [mean, 0.5], "sd": [sd, None], "count": [3, 1]})
    low, high = intervals.student(pl.col("mean"), pl.col("sd"), pl.col("count"))
    several, single = table.select(low, high.alias("high")).rows()
    expected = stats.t.interval(0.95, 2, loc=mean, scale=stats.sem(values))
    assert several == pytest.approx(expected)
    assert single == (None, None)
