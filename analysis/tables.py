"""The tidy tables that every reader returns and every summary, verdict and plot takes.

`RUNS` has one row a run, `METRICS` one row a measured value, `PREDICTIONS` one row a point that a
run answered. A value that a log does not hold is null, never 0. What could not be read stands
beside them, in `REJECTED`; a `Log` holds all of it.
"""

from dataclasses import dataclass, field

import polars as pl
from polars.datatypes import DataType, DataTypeClass

#: One row a run. `run_id` is unique in the table and joins it to `METRICS`.
RUNS: dict[str, DataType | DataTypeClass] = {
    "run_id": pl.String,  # JSONL: as logged; legacy: file stem, '#2' … for further runs in it
    "format": pl.String,  # 'jsonl', 'jsonl schema 1' or 'legacy': runs of two are never compared
    "source": pl.String,  # path of the log file, as given
    "variant": pl.String,  # canonical variant name, null where unknown
    "layernorm": pl.Boolean,
    "relu": pl.Boolean,
    "seed": pl.Int64,
    "hard_ratio_step": pl.Float64,  # change of the share of hard negatives an epoch
    "status": pl.String,  # 'completed', 'interrupted', 'failed'; null: the log does not say
    "reason": pl.String,
    "started": pl.Datetime("us", "UTC"),
    "seconds": pl.Float64,  # wall time of the whole run
    "config": pl.String,  # the resolved config as JSON text, null for legacy logs
    "decides": pl.String,  # all that decides the result as JSON text, null before schema 2
    "rejected": pl.Int64,  # lines of the source that could not be read
}

#: One row a value. (run_id, event, epoch, step, split, metric) is unique: the last record wins.
METRICS: dict[str, DataType | DataTypeClass] = {
    "run_id": pl.String,
    "event": pl.String,  # 'step', 'mine', 'eval', 'untrained', 'pools'
    "epoch": pl.Int32,  # epochs completed when it was measured
    "step": pl.Int64,  # optimiser step (JSONL) or mini batch in the epoch (legacy), else null
    "split": pl.String,  # 'training', 'validation', 'test', else null
    "metric": pl.String,  # 'top1', 'loss', 'hard_ratio', …: the log's own field name
    "value": pl.Float64,  # null where the log says null (a non-finite number)
    "n": pl.Int64,  # points the value is a share of: logged, or recovered for legacy; else null
}

#: One row a line that looked like a log line and could not be read.
REJECTED: dict[str, DataType | DataTypeClass] = {
    "source": pl.String,  # path of the log file, as in RUNS
    "line": pl.Int64,  # counted from 1
    "reason": pl.String,  # 'not valid JSON', 'broken top-1 line', …
}

#: One row a 'warning' event of a JSONL log.
WARNINGS: dict[str, DataType | DataTypeClass] = {
    "run_id": pl.String,
    "epoch": pl.Int32,  # null where the log names none
    "step": pl.Int64,  # null where the log names none
    "message": pl.String,  # what happened
    "action": pl.String,  # what was done about it
}

#: One row a point of a split, of the runs beside whose log `train` left its answers. They are those
#: of the best epoch, out of all counters and other points of the split. (run_id, split, pair_id) is
#: unique.
PREDICTIONS: dict[str, DataType | DataTypeClass] = {
    "run_id": pl.String,  # as in RUNS
    "split": pl.String,
    "pair_id": pl.String,  # 'domain/title/stance/number'
    "leaked": pl.Boolean,  # the pair shares a text across the border of training and held-out
    "point_words": pl.Int64,  # length of the point
    "nearest_rank": pl.Int64,  # place of the own counter by distance among all candidates, from 1
    "rescored_rank": pl.Int64,  # its place after the pair head, 1 to 10; null: not among those
    "hit": pl.Boolean,  # the answer is the own counter
    "answer": pl.String,  # a pair_id and '/counter' or '/point'
}


@dataclass(frozen=True)
class Log:
    """Everything read from one log file or many."""

    runs: pl.DataFrame  # schema RUNS
    metrics: pl.DataFrame  # schema METRICS
    rejected: pl.DataFrame  # schema REJECTED, in the order of source and line
    warnings: pl.DataFrame  # schema WARNINGS, in the order of the log
    notes: tuple[str, ...] = ()  # sentences for the user, each names its file: 'torn last line'
    predictions: pl.DataFrame = field(  # schema PREDICTIONS
        default_factory=lambda: pl.DataFrame(schema=PREDICTIONS)
    )


def conform(frame: pl.DataFrame, schema: dict[str, DataType | DataTypeClass]) -> pl.DataFrame:
    """The columns of `schema`, in its order and its types."""
    return frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items())
