import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis import watching
from analysis.errors import AnalysisError
from analysis.readers import logs
from analysis.rendering import html
from analysis.schema import Log


def body(page: bytes | None) -> str:
    assert page
    return re.sub("<script>.*?</script>", "", page.decode(), flags=re.DOTALL)


@pytest.fixture
def lines(
    runlog_text: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """The lines of a run of two epochs, whose log a process writes: live.jsonl."""
    path = tmp_path / "live.jsonl"
    path.touch()
    monkeypatch.setattr(logs, "locked_files", lambda: {path.stat().st_ino})
    options = {"config": {"batch_size": 2}, "steps": (10, 20)}
    return runlog_text(run_id="live", seed=7, **options).splitlines(keepends=True)


def nth(lines: list[str], event: str, number: int) -> int:
    """How many lines a log has up to the n-th line of an event."""
    return [i for i, line in enumerate(lines, 1) if f'"event": "{event}"' in line][number]


def test_a_page_follows_a_run_from_its_start_to_its_end(lines: list[str], tmp_path: Path) -> None:
    path, watcher = tmp_path / "live.jsonl", watching.Watcher([str(tmp_path)])
    pages = []
    for end in (nth(lines, "step", 0), nth(lines, "step", 2), nth(lines, "eval", 5), len(lines)):
        path.write_text("".join(lines[:end]))
        watcher._paused_until = 0
        pages.append(body(watcher.page()))
    assert "1 of 2" in pages[0]
    assert "10 of 40" in pages[0]
    assert "2 of 2" in pages[1]
    assert "25.0" in pages[2]
    assert all("1 run in progress" in page for page in pages[:3])
    assert "No run in progress" in pages[3]
    assert "<td>completed</td>" in pages[3]


def test_nothing_new_makes_no_page(lines: list[str], tmp_path: Path) -> None:
    path, watcher = tmp_path / "live.jsonl", watching.Watcher([str(tmp_path)])
    path.write_text("".join(lines[:12]))
    assert watcher.page()
    assert watcher.page() is None


def test_losses_alone_leave_the_studies_as_they_are(
    lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, watcher = tmp_path / "live.jsonl", watching.Watcher([str(tmp_path)])
    path.write_text("".join(lines[: nth(lines, "step", 0)]))
    watcher.page()
    monkeypatch.setattr(html, "study", lambda *_: pytest.fail("a study was made anew"))
    path.write_text("".join(lines[: nth(lines, "step", 1)]))
    assert "20 of 40" in body(watcher.page())


def test_a_study_of_finished_runs_is_not_made_anew_when_another_goes_on(
    read_runs: Callable[..., Log],
    lines: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read_runs({"config": {"data_dir": "there"}})
    path, watcher = tmp_path / "live.jsonl", watching.Watcher([str(tmp_path)])
    made, study = [], html.study
    monkeypatch.setattr(html, "study", lambda r: made.append(r.study.name) or study(r))
    for end in (nth(lines, "eval", 2), nth(lines, "eval", 5)):
        path.write_text("".join(lines[:end]))
        watcher._paused_until = 0
        watcher.page()
    assert sorted(made) == ["sample corpus", "sample corpus", "there"]


def test_studies_pause_after_they_were_made_anew_and_are_made_up_for_then(
    lines: list[str], tmp_path: Path
) -> None:
    path, watcher = tmp_path / "live.jsonl", watching.Watcher([str(tmp_path)])
    epochs = []
    for number in (2, 5, 8):
        path.write_text("".join(lines[: nth(lines, "eval", number)]))
        epochs.append(last_epoch(watcher.page()))
    assert watcher._paused_until > time.monotonic()
    assert epochs == ["0", "1", "1"]  # after the second evaluation they rest, and the third waits
    assert watcher.page() is None
    watcher._paused_until = 0
    assert last_epoch(watcher.page()) == "2"


def last_epoch(page: bytes | None) -> str:
    """The epochs of the run in the table of its study."""
    table = body(page).partition('id="sample-corpus-runs"')[2]
    (found,) = re.findall(r"<td>live</td>(?:<td>[^<]*</td>){3}<td>(\d)</td>", table)
    return str(found)


def test_a_run_that_stops_without_a_word_is_no_longer_going_on(
    lines: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, watcher = tmp_path / "live.jsonl", watching.Watcher([str(tmp_path)])
    path.write_text("".join(lines[:12]))
    assert "1 run in progress" in body(watcher.page())
    monkeypatch.setattr(logs, "locked_files", set)
    assert "No run in progress" in body(watcher.page())


def test_the_last_page_is_a_whole_report_that_refreshes_itself_no_more(
    lines: list[str], tmp_path: Path
) -> None:
    path, watcher = tmp_path / "live.jsonl", watching.Watcher([str(tmp_path)])
    path.write_text("".join(lines[:12]))
    assert 'id="follow"' in body(watcher.page())
    last = body(watcher.last_page())
    assert 'id="follow"' not in last
    assert last.rstrip().endswith("</html>")


def test_the_last_page_of_a_folder_without_a_log_says_so_and_refreshes_itself_no_more(
    tmp_path: Path,
) -> None:
    watcher = watching.Watcher([str(tmp_path)])
    assert 'id="follow"' in body(watcher.page())
    last = body(watcher.last_page())
    assert "No run yet" in last
    assert "no run log found" in last
    assert 'id="follow"' not in last
    assert last.rstrip().endswith("</html>")


def test_a_folder_without_a_log_is_waited_for_and_what_does_not_exist_is_an_error(
    lines: list[str], tmp_path: Path
) -> None:
    path, watcher = tmp_path / "live.jsonl", watching.Watcher([str(tmp_path)])
    waiting = body(watcher.page())
    assert "No run yet" in waiting
    assert 'id="follow"' in waiting
    assert watcher.page() is None
    path.write_text("".join(lines[:12]))
    assert "1 run in progress" in body(watcher.page())
    with pytest.raises(AnalysisError, match="no such file or folder"):
        watching.Watcher([str(tmp_path / "lgos")]).page()


def test_when_the_last_run_ends_its_study_is_made_anew_at_once(
    lines: list[str], tmp_path: Path
) -> None:
    path, watcher = tmp_path / "live.jsonl", watching.Watcher([str(tmp_path)])
    path.write_text("".join(lines[: nth(lines, "eval", 2)]))
    watcher.page()
    watcher._paused_until = float("inf")
    path.write_text("".join(lines))
    assert last_epoch(watcher.page()) == "2"
