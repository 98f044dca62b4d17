from collections.abc import Callable
from datetime import datetime

from analysis.rendering import html_live
from analysis.schema import Log
from analysis.statistics.epochs import with_fractions
from analysis.statistics.progress import progress

NOW = datetime(2026, 11, 26, 12, 0)


def live(log: Log) -> str:
    placed = with_fractions(log.runs, log.metrics)
    return html_live.in_progress(progress(log.runs, log.metrics), placed, NOW, 5)


def test_a_run_is_a_row_with_epoch_loss_speed_and_the_time_to_go(read: Callable[..., Log]) -> None:
    written = live(read({"run_id": "<a>"}, config={"batch_size": 1, "epochs": 103}, steps=(20, 40)))
    cells = [
        *("&lt;a&gt;", "with_layernorm", "0", "4 of 103", "120 of 4,120", "4 min", "Thu 12:03"),
        *("1.067", "30.0", "100.0"),
    ]
    assert "".join(f"<td>{cell}</td>" for cell in cells) in written
    assert "<h2>1 run in progress</h2>" in written
    assert 'data-variant="with_layernorm"' in written
    assert 'id="follow" value="5" checked' in written
    assert 'id="progress"' in written


def test_without_runs_it_says_so_and_goes_on_refreshing(read: Callable[..., Log]) -> None:
    log = read({})
    written = live(Log(log.runs.clear(), log.metrics, log.rejected, log.warnings))
    assert "<h2>No run in progress</h2>" in written
    assert 'id="follow"' in written
    assert "<table" not in written


def test_an_end_in_no_year_of_the_calendar_is_a_dash(read: Callable[..., Log]) -> None:
    log = read({}, config={"batch_size": 1, "epochs": 10**12}, steps=(20, 40))
    assert " min</td><td>–</td>" in live(log)


def test_a_time_to_go_is_said_as_people_say_it() -> None:
    said = [html_live.duration(seconds) for seconds in (4.4, 89, 90, 3000, 3700, 360_000)]
    assert said == ["4 s", "89 s", "2 min", "50 min", "1 h 02 min", "100 h 00 min"]
