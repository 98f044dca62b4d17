"""`analysis.readers.run_events`: the events about whole runs."""

import json

import polars as pl
import pytest

from analysis.readers.lines import Line
from analysis.readers.run_events import read_run_events


@pytest.mark.parametrize(
    ("time", "is_read"),
    [
        ("2026-11-23T12:00:00+14:00", True),
        ("9998-12-31T00:00:00-12:00", True),
        ("9999-12-31T23:59:59-12:00", False),  # in UTC of the year 10000
        ("0001-01-01T00:00:00+12:00", False),  # in UTC of the year 0
        ("2026-11-23T12:00:00", False),  # of no zone
    ],
)
def test_a_time_beyond_what_dates_can_hold_is_named_and_the_run_is_known(time, is_read):
    start = {"event": "run_start", "run_id": "a", "time": time, "config": {}}
    line = Line(7, json.dumps(start).encode())
    runs, _, rejections = read_run_events(pl.Series(["a"]), [line])
    assert runs["run_id"].to_list() == ["a"]
    assert [rejection.line for rejection in rejections] == ([] if is_read else [7])
    assert all(rejection.reason.startswith("time: ") for rejection in rejections)
    assert runs["started"].null_count() == (not is_read)
    runs.rows()  # Python can hold all of it
