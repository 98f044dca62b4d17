"""The two tidy tables that every reader returns and every summary, verdict and plot takes.

`RUNS` has one row a run, `METRICS` one row a measured value. A value that a log does not hold is
null, never 0.
"""

import polars as pl
from polars.datatypes import DataType, DataTypeClass

#: One row a run. `run_id` is unique in the table and joins it to `METRICS`.
RUNS: dict[str, DataType | DataTypeClass] = {
    "run_id": pl.String,  # JSONL: as logged; legacy: file stem, '#2' … for further runs in it
    "format": pl.String,  # 'jsonl' or 'legacy'
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
    "rejected": pl.Int64,  # lines of the source that could not be read
}

#: One row a value. (run_id, event, epoch, step, split, metric) is unique: the last record wins.
METRICS: dict[str, DataType | DataTypeClass] = {
    "run_id": pl.String,
    "event": pl.String,  # 'step', 'mine', 'eval', 'pools'
    "epoch": pl.Int32,  # epochs completed when it was measured
    "step": pl.Int64,  # optimiser step (JSONL) or mini batch in the epoch (legacy), else null
    "split": pl.String,  # 'training', 'validation', 'test', else null
    "metric": pl.String,  # 'top1', 'loss', 'hard_ratio', …: the log's own field name
    "value": pl.Float64,  # null where the log says null (a non-finite number)
    "n": pl.Int64,  # points the value is a share of: logged, or recovered for legacy; else null
}
