import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from polars.testing import assert_frame_equal

from analysis.readers import logs
from analysis.readers.cache import Cache
from analysis.schema import Log


def assert_same(found: Log, wanted: Log) -> None:
    assert_frame_equal(found.runs, wanted.runs)
    assert_frame_equal(found.metrics, wanted.metrics)
    assert_frame_equal(found.rejected, wanted.rejected)
    assert_frame_equal(found.warnings, wanted.warnings)
    assert_frame_equal(found.predictions, wanted.predictions)
    assert found.notes == wanted.notes


@pytest.fixture
def resumed(runlog_lines: Callable[..., list[dict[str, Any]]]) -> list[bytes]:
    """The lines of a log with a warning, an end, a resume and repeated records."""
    records = runlog_lines()
    frame = {key: records[0][key] for key in ("run_id", "time", "schema")}
    warning = {"event": "warning", "message": "slow", "action": "went on", "epoch": 0, "step": 3}
    interrupted = records[:12] + [frame | warning, records[-1] | {"status": "interrupted"}]
    repeated = [record | {"loss": 9.0} if "loss" in record else record for record in records[8:]]
    lines = [*interrupted, frame | {"event": "resume"}, *repeated]
    return [json.dumps(line).encode() + b"\n" for line in lines]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "others",
    [
        {},
        {5: b'{"event": "eval"}\n', 15: b"{broken\n"},
        {9: b'{"event": "step", "run_id": "a", "schema": 99}\n'},
        {14: b'{"event": "eval", "run_id": "b", "schema": 2, "epoch": 1, "split": "test"}\n'},
    ],
    ids=["plain", "broken lines", "unknown schema", "another run"],
)
def test_a_log_that_is_read_in_pieces_is_as_if_its_whole_lines_were_read_at_once(
    resumed: list[bytes], tmp_path: Path, others: dict[int, bytes], seed: int
) -> None:
    for place, line in others.items():
        resumed.insert(place, line)
    path, cache, data = tmp_path / "a.jsonl", Cache(), b"".join(resumed)
    draw = random.Random(seed)
    ends = sorted(draw.sample(range(len(resumed[0]), len(data)), 8))
    for end in [*ends, len(data)]:
        path.write_bytes(data[:end])
        found = logs.read([path], cache=cache)
        path.write_bytes(data[: data[:end].rfind(b"\n") + 1])
        assert_same(found, logs.read([path]))


def test_what_was_read_is_not_read_again(runlog_text: Callable[..., str], tmp_path: Path) -> None:
    path, cache = tmp_path / "a.jsonl", Cache()
    lines = runlog_text().splitlines(keepends=True)
    path.write_text("".join(lines[:9]))
    whole = logs.read([path], cache=cache)
    with path.open("r+") as file:  # were it read again, it would be found broken
        file.seek(len(lines[0]))
        file.write("x" * sum(map(len, lines[1:8])))
        file.seek(0, 2)
        file.writelines(lines[9:])
    grown = logs.read([path], cache=cache)
    assert grown.rejected.is_empty()
    assert grown.runs["status"].to_list() == ["completed"]
    assert grown.metrics.height > whole.metrics.height


def test_an_unchanged_file_is_not_opened(
    read_runs: Callable[..., Log], legacy_text: Callable[..., str], tmp_path: Path
) -> None:
    read_runs({}, {"seed": 1})
    (tmp_path / "with_relu_logs.txt").write_text(legacy_text(), encoding="utf-8")
    cache = Cache()
    first = logs.read([tmp_path], cache=cache)
    pieces = cache.pieces
    opened, actual = [], Path.open
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "open", lambda p, *a, **k: opened.append(p) or actual(p, *a, **k))
        again = logs.read([tmp_path], cache=cache)
    assert not [path for path in opened if path.parent == tmp_path]
    assert cache.pieces == pieces
    assert_same(again, first)


def test_a_file_that_was_replaced_is_read_anew(
    runlog_text: Callable[..., str], tmp_path: Path
) -> None:
    path, cache = tmp_path / "a.jsonl", Cache()
    shorter, longer = runlog_text(run_id="other", status=None), runlog_text(run_id="a longer name")
    cut = longer.index("\n", 4000) + 1
    for text in (runlog_text(run_id="first"), shorter, longer, longer[:cut]):
        path.write_text(text)
        assert_same(logs.read([path], cache=cache), logs.read([path]))


def test_a_new_log_and_new_predictions_are_found(
    read_runs: Callable[..., Log], answered: Callable[..., None], tmp_path: Path
) -> None:
    cache = Cache()
    unfinished = {"status": "interrupted"}
    read_runs(unfinished)
    assert logs.read([tmp_path], cache=cache).runs.height == 1
    read_runs(unfinished, unfinished)
    assert logs.read([tmp_path], cache=cache).runs.height == 2
    answered("law", "sport")
    found = logs.read([tmp_path], cache=cache)
    assert found.predictions.height == 4
    pieces = cache.pieces
    assert_same(logs.read([tmp_path], cache=cache), logs.read([tmp_path]))
    assert cache.pieces == pieces


def test_a_text_log_is_named_anew_where_a_new_log_has_its_name(
    legacy_text: Callable[..., str], runlog_text: Callable[..., str], tmp_path: Path
) -> None:
    cache = Cache()
    (tmp_path / "b.txt").write_text(legacy_text(), "utf-8")
    assert logs.read([tmp_path], cache=cache).runs["run_id"].to_list() == ["b"]
    (tmp_path / "b.jsonl").write_text(runlog_text(run_id="b"), "utf-8")
    assert_same(logs.read([tmp_path], cache=cache), logs.read([tmp_path]))


def test_predictions_are_checked_again_when_the_log_has_counted_its_hits(
    runlog_text: Callable[..., str], answered: Callable[..., None], tmp_path: Path
) -> None:
    answered("law")
    path, cache = tmp_path / "r0.jsonl", Cache()
    lines = runlog_text(run_id="r0").splitlines(keepends=True)
    pools = next(number for number, line in enumerate(lines) if '"pools"' in line)
    path.write_text("".join(lines[:pools]))
    assert logs.read([path], cache=cache).predictions.height == 1
    path.write_text("".join(lines))  # which counts other hits
    found = logs.read([path], cache=cache)
    assert found.predictions.is_empty()
    assert "differ from those in the log" in found.notes[0]


def test_of_lines_that_were_read_few_are_kept(resumed: list[bytes], tmp_path: Path) -> None:
    path, cache = tmp_path / "a.jsonl", Cache()
    path.write_bytes(b"".join(resumed))
    logs.read([path], cache=cache)
    (read,) = cache._logs.values()
    events = [json.loads(line)["event"] for line in read.lines.splitlines()]
    assert events == ["run_start", "warning", "run_end", "resume", "run_end"]
