"""Writes a run as the bytes of a TensorBoard event file: its scalars and its hyperparameters.

TensorBoard's own classes encode it; they come with the extra `tensorboard`.
"""

import io
import json
from typing import Any

import polars as pl

from analysis.errors import AnalysisError
from analysis.printable import printable

#: Fields of a config that say where files go, not what is trained.
NOT_HYPERPARAMETERS = ("run_id", "log_dir", "checkpoint_dir", "resume", "trec")


def event_file(name: str, run: dict[str, Any], scalars: pl.DataFrame) -> bytes:
    """Encode one row of RUNS and its table of `scalars.scalars`, under the name of the run.

    The same log gives the same bytes, and the bytes of a log that has grown begin with those of
    before. METRICS has no times, so all events have the time when the run started.
    Raises `AnalysisError` where tensorboard is not installed.
    """
    try:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb
        from tensorboard.summary.writer.record_writer import RecordWriter
    except ImportError:
        raise AnalysisError(
            "tensorboard is not installed: pip install 'counterargument-biencoder[tensorboard]'"
        ) from None
    started = run["started"].timestamp() if run["started"] else 0.0
    buffer = io.BytesIO()
    writer = RecordWriter(buffer)

    def add(**fields: Any) -> None:
        writer.write(Event(wall_time=started, **fields).SerializeToString())

    add(file_version="brain.Event:2")
    summary = hparams_pb(hyperparameters(run), name, started)
    # Encoded again, since protobuf writes a mapping in another order in each process.
    encoded = summary.value[0].metadata.plugin_data
    encoded.content = HParamsPluginData.FromString(encoded.content).SerializeToString(
        deterministic=True
    )
    add(summary=summary)
    for tag, step, value in scalars.rows():
        # A number that was not finite is null in the log.
        number = float("nan") if value is None else value
        add(step=step, summary=Summary(value=[Summary.Value(tag=tag, simple_value=number)]))
    return buffer.getvalue()


def hyperparameters(run: dict[str, Any]) -> dict[str, bool | int | float | str]:
    """Return the config of one row of RUNS, and its variant and seed, as single values."""
    config = json.loads(run["config"] or "{}") | {"variant": run["variant"], "seed": run["seed"]}
    return {
        printable(name): _single(value)
        for name, value in config.items()
        if value is not None and name not in NOT_HYPERPARAMETERS
    }


def _single(value: Any) -> bool | int | float | str:
    if isinstance(value, bool | int | float):
        return value
    return printable(value if isinstance(value, str) else json.dumps(value))
