import polars as pl

from analysis.rendering.charts import chart


def test_what_a_log_names_a_configuration_acts_as_no_markup() -> None:
    assert chart.label("<b>&\x1b</b>") == "&lt;b&gt;&amp;\N{REPLACEMENT CHARACTER}&lt;/b&gt;"
    assert len(chart.label("x" * 400)) == 60


def test_a_number_that_is_not_finite_is_a_gap() -> None:
    values = pl.Series([0.123456789, None, float("nan"), float("inf"), -float("inf")])
    assert chart.numbers(values) == [0.12346, None, None, None, None]


def test_an_interval_that_is_missing_has_no_bar() -> None:
    value, low, high = pl.Series([0.5, 0.5]), pl.Series([0.4, None]), pl.Series([0.75, None])
    bars = chart.error_bars(value, low, high)
    assert bars["array"] == [0.25, 0.0]
    assert bars["arrayminus"] == [0.1, 0.0]


def test_every_layout_is_a_copy_of_its_own() -> None:
    first, second = chart.layout(chart.titled("a")), chart.layout()
    assert first["xaxis"]["title"]["text"] == "a"
    assert "title" not in second["xaxis"]
