"""What is read from a run log, and the tidy tables that the readers make of it.

`LOG_FIELDS` lists the fields of the JSONL run log that become METRICS, a row each;
`readers.run_events` has those that describe a run as a whole.
`RUNS`, `METRICS`, `REJECTED`, `WARNINGS` and `PREDICTIONS` are the tables that every reader returns
and that every statistic takes, each a mapping from column to polars type. A value that a log does
not hold is null, never 0.
"""

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import polars as pl
from polars.datatypes import DataType, DataTypeClass

Type = DataType | DataTypeClass
Schema = dict[str, Type]

#: The parts of a corpus that runs are evaluated on, in the order of every table.
SPLITS = ("training", "validation", "test")

#: The eight candidate pools of the literature, from the narrowest to the widest.
POOLS = ("sdoc", "sdc", "sdoa", "sda", "stc", "sta", "epc", "epa")

#: Schema number that a line of a run log states → format in RUNS. Runs of two formats are never
#: compared.
FORMAT_OF_SCHEMA = {1: "jsonl schema 1", 2: "jsonl"}


class LogField(NamedTuple):
    """One field of the JSONL run log that becomes METRICS."""

    event: str  # the event whose lines hold the field
    name: str
    required: bool  # a line without it, or with null in its place, is rejected
    #: place: becomes a column of METRICS (of 'pool': a part of the metric's name). value: becomes
    #: a row of METRICS. quartiles: three values, which become the metrics '<name>_q1',
    #: '<name>_median' and '<name>_q3'. points: the number of points that shares are of.
    use: Literal["place", "value", "quartiles", "points"]
    points: str | None = None  # of a share: the field that counts the points it is a share of


LOG_FIELDS = (
    LogField("step", "epoch", True, "place"),
    LogField("step", "step", True, "place"),
    LogField("step", "loss", False, "value"),
    LogField("step", "triplet_loss", False, "value"),
    LogField("step", "positive_loss", False, "value"),
    LogField("step", "negative_loss", False, "value"),
    LogField("step", "in_batch_loss", False, "value"),
    LogField("step", "listwise_loss", False, "value"),
    LogField("step", "lr", False, "value"),
    LogField("step", "grad_norm", False, "value"),
    LogField("step", "triplets_per_second", False, "value"),
    LogField("step", "tokens_per_second", False, "value"),
    LogField("step", "padding", False, "value"),
    LogField("step", "matrix_share", False, "value"),
    LogField("step", "peak_memory", False, "value"),
    LogField("mine", "epoch", True, "place"),
    LogField("mine", "hard_ratio", False, "value"),
    LogField("mine", "hard", False, "value"),
    LogField("mine", "random", False, "value"),
    LogField("mine", "passed_over", False, "value"),
    LogField("mine", "seconds", False, "value"),
    LogField("mine", "positive_distance", False, "quartiles"),
    LogField("mine", "negative_distance", False, "quartiles"),
    LogField("untrained", "epoch", True, "place"),
    LogField("untrained", "step", True, "place"),
    LogField("untrained", "split", True, "place"),
    LogField("untrained", "top1", False, "value", points="n"),
    LogField("untrained", "head_top1", False, "value", points="n"),
    LogField("untrained", "nearest_top1", False, "value", points="n"),
    LogField("untrained", "recall_at_10", False, "value", points="n"),
    LogField("untrained", "mrr_at_10", False, "value", points="n"),
    LogField("untrained", "seconds", False, "value"),
    LogField("untrained", "n", False, "points"),
    LogField("eval", "epoch", True, "place"),
    LogField("eval", "step", False, "place"),  # schema 1 has none
    LogField("eval", "split", True, "place"),
    LogField("eval", "top1", False, "value", points="n"),
    LogField("eval", "head_top1", False, "value", points="n"),
    LogField("eval", "nearest_top1", False, "value", points="n"),
    LogField("eval", "recall_at_10", False, "value", points="n"),
    LogField("eval", "mrr_at_10", False, "value", points="n"),
    LogField("eval", "top1_unseen", False, "value", points="n_unseen"),
    LogField("eval", "seconds", False, "value"),
    LogField("eval", "n", False, "points"),
    LogField("eval", "n_unseen", False, "points"),
    LogField("pools", "epoch", True, "place"),
    LogField("pools", "split", True, "place"),
    LogField("pools", "pool", True, "place"),
    LogField("pools", "top1", False, "value", points="n"),  # metric top1_<pool>, as below
    LogField("pools", "head_top1", False, "value", points="n"),
    LogField("pools", "n", False, "points"),
)


class Column(NamedTuple):
    """One column of a tidy table."""

    name: str
    type: Type
    meaning: str


def types(*columns: Column) -> Schema:
    """Map each column's name to its polars type, in the order of `columns`."""
    return {column.name: column.type for column in columns}


#: One row a run. `run_id` is unique in the table and joins it to `METRICS`.
RUNS = types(
    Column("run_id", pl.String, "JSONL: as logged; legacy: file stem, '#2' … for later runs"),
    Column("format", pl.String, "'jsonl', 'jsonl schema 1' or 'legacy'"),
    Column("source", pl.String, "path of the log file, as given"),
    Column("variant", pl.String, "canonical name of the variant, null where unknown"),
    Column("layernorm", pl.Boolean, "LayerNorm is on"),
    Column("relu", pl.Boolean, "ReLU is on"),
    Column("seed", pl.Int64, "seed of the run"),
    Column("hard_ratio_step", pl.Float64, "change of the share of hard negatives per epoch"),
    Column(
        "status",
        pl.String,
        "'completed', 'interrupted', 'failed', 'running', 'stopped'; null: legacy",
    ),
    Column("reason", pl.String, "why the run ended, or how it is known that it runs or stopped"),
    Column("predictions_sha256", pl.String, "checksum of its predictions, null in older logs"),
    Column("started", pl.Datetime("us", "UTC"), "when the run began"),
    Column("seconds", pl.Float64, "wall time of the whole run"),
    Column("config", pl.String, "the resolved config as JSON text, null for legacy logs"),
    Column("decides", pl.String, "all that decides the result as JSON text, null before schema 2"),
    Column("rejected", pl.Int64, "lines of the source that could not be read"),
)

#: One row a value. (run_id, event, epoch, step, split, metric) is unique: the last record wins.
METRICS = types(
    Column("run_id", pl.String, "as in RUNS"),
    Column("event", pl.String, "'step', 'mine', 'eval', 'untrained', 'pools'"),
    Column("epoch", pl.Int32, "epochs completed when it was measured"),
    Column("step", pl.Int64, "JSONL: optimiser step; legacy: mini batch in the epoch; else null"),
    Column("split", pl.String, "one of SPLITS, else null"),
    Column("metric", pl.String, "the log's own field name: 'top1', 'loss', 'hard_ratio', …"),
    Column("value", pl.Float64, "the value; null where the log says null (a non-finite number)"),
    Column("n", pl.Int64, "points the value is a share of: logged, or recovered for legacy"),
)
METRIC_KEY = [name for name in METRICS if name not in ("value", "n")]

#: One row a line that looked like a log line and could not be read.
REJECTED = types(
    Column("source", pl.String, "path of the log file, as in RUNS"),
    Column("line", pl.Int64, "number of the line, from 1"),
    Column("reason", pl.String, "'not a whole JSON object', 'no epoch', …"),
)

#: One row a 'warning' event of a JSONL log.
WARNINGS = types(
    Column("run_id", pl.String, "as in RUNS"),
    Column("epoch", pl.Int32, "null where the log names none"),
    Column("step", pl.Int64, "null where the log names none"),
    Column("message", pl.String, "what happened"),
    Column("action", pl.String, "what was done about it"),
)

#: One row a point of a split, for each run that left a file of predictions. The answers are those
#: of one epoch, among all counters and all other points of the split.
#: (run_id, split, pair_id) is unique.
PREDICTIONS = types(
    Column("run_id", pl.String, "as in RUNS"),
    Column("split", pl.String, "one of SPLITS"),
    Column("epoch", pl.Int64, "epochs completed; null: the best epoch, as files before had it"),
    Column("pair_id", pl.String, "'domain/title/stance/number'"),
    Column("cluster", pl.Int64, "number of the pairs linked by debates or texts; null: not told"),
    Column("leaked", pl.Boolean, "the pair shares a text across training and held-out splits"),
    Column("point_words", pl.Int64, "length of the point in words"),
    Column("nearest_rank", pl.Int64, "rank of the own counter by distance among all, from 1"),
    Column("rescored_rank", pl.Int64, "its rank after rescoring, 1 to 10; null: not there"),
    Column("hit", pl.Boolean, "the answer is the own counter"),
    Column("head_hit", pl.Boolean, "the same by the pair head, without hubness; null: not told"),
    Column("answer", pl.String, "a pair_id and '/counter' or '/point'"),
)


@dataclass(frozen=True)
class Log:
    """Everything read from one log file or many."""

    runs: pl.DataFrame  # columns RUNS
    metrics: pl.DataFrame  # columns METRICS
    rejected: pl.DataFrame  # columns REJECTED, in the order of source and line
    warnings: pl.DataFrame  # columns WARNINGS, in the order of the log
    notes: tuple[str, ...] = ()  # sentences for the user, each names its file: 'torn last line'
    predictions: pl.DataFrame = field(  # columns PREDICTIONS
        default_factory=lambda: pl.DataFrame(schema=PREDICTIONS)
    )


def conform(frame: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Select the columns of `schema` from `frame`, in its order and cast to its types."""
    return frame.select(pl.col(name).cast(dtype) for name, dtype in schema.items())
