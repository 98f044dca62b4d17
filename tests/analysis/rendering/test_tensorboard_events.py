import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analysis.errors import AnalysisError
from analysis.readers import logs
from analysis.rendering import tensorboard_events
from analysis.schema import Log
from analysis.statistics.scalars import scalars


def encoded(log: Log) -> bytes:
    (run,) = log.runs.to_dicts()
    return tensorboard_events.event_file("study/run", run, scalars(log.metrics))


@pytest.fixture
def events(tmp_path: Path) -> Callable[[bytes], list[Any]]:
    """`events(data)`: what TensorBoard's own loader reads from an event file."""
    loader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_file_loader",
        reason="tensorboard is not installed: pip install -e '.[tensorboard]'",
    )

    def build(data: bytes) -> list[Any]:
        path = tmp_path / "events.out.tfevents.0"
        path.write_bytes(data)
        return list(loader.LegacyEventFileLoader(str(path)).Load())

    return build


def test_tensorboard_reads_every_scalar_and_the_hyperparameters(
    read_runs: Callable[..., Log], events: Callable[[bytes], list[Any]]
) -> None:
    log = read_runs({"config": {"encoder": "x", "layers": None, "log_dir": "logs", "tags": [1]}})
    version, head, *found = events(encoded(log))
    assert version.file_version == "brain.Event:2"
    assert {event.wall_time for event in found} == {log.runs["started"][0].timestamp()}
    values = [(e.step, v.tag, v.simple_value) for e in found for v in e.summary.value]
    assert len(values) == log.metrics.height
    assert (40, "top1/validation", 0.375) in values
    (value,) = head.summary.value
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    content = value.metadata.plugin_data.content
    session = HParamsPluginData.FromString(content).session_start_info
    assert session.group_name == "study/run"
    assert session.hparams["encoder"].string_value == "x"
    assert session.hparams["seed"].number_value == 0
    assert session.hparams["layernorm"].bool_value
    assert session.hparams["tags"].string_value == "[1]"
    assert not session.hparams.keys() & {"layers", "log_dir", "run_id"}


def test_a_value_that_was_not_finite_is_not_a_number(
    read_runs: Callable[..., Log], events: Callable[[bytes], list[Any]]
) -> None:
    log = read_runs({})
    nothing = log.metrics.head(1).with_columns(value=pl.lit(None, pl.Float64))
    (run,) = log.runs.to_dicts()
    (*_, last) = events(tensorboard_events.event_file("a", run, scalars(nothing)))
    (value,) = last.summary.value
    assert value.simple_value != value.simple_value


def test_the_bytes_of_a_grown_log_begin_with_those_of_before(
    tmp_path: Path, runlog_text: Callable[..., str]
) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    lines = runlog_text().splitlines(keepends=True)
    path, found = tmp_path / "a.jsonl", []
    for count in range(8, len(lines) + 1, 7):
        path.write_text("".join(lines[:count]), encoding="utf-8")
        found.append(encoded(logs.read([path])))
    assert len(found) > 3
    for before, after in itertools.pairwise(found):
        assert after.startswith(before)
        assert len(after) > len(before)


def test_every_process_gives_the_same_bytes(
    tmp_path: Path, runlog_text: Callable[..., str]
) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    path = tmp_path / "a.jsonl"
    path.write_text(runlog_text(), encoding="utf-8")
    found = []
    for _ in range(2):
        command = [sys.executable, __file__, str(path)]
        found.append(subprocess.run(command, check=True, capture_output=True).stdout)
    assert found[0] == found[1]


def test_without_tensorboard_one_line_says_what_to_install(
    read_runs: Callable[..., Log], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.compat.proto.event_pb2", None)
    with pytest.raises(AnalysisError, match=r"pip install 'counterargument-biencoder\[tensorboard"):
        encoded(read_runs({}))


if __name__ == "__main__":  # the process of a test
    sys.stdout.buffer.write(encoded(logs.read([Path(sys.argv[1])])))
