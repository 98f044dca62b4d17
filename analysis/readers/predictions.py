"""Reads `<log>.predictions.parquet`: what a run answered to every single point.

`train` writes such a file beside each JSONL log when it has finished: one row per point of every
split, as the weights of the last epoch answer it. `logs.read` reads them into `Log.predictions`.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from analysis.errors import AnalysisError
from analysis.printable import some
from analysis.readers.files import contents
from analysis.readers.parquet_size import size_in_memory
from analysis.schema import PREDICTIONS, SPLITS, Schema, conform

ENDING = ".predictions.parquet"

#: Memory that a file may take: those of 250,000 points take half of it.
MOST_BYTES = 2 * 1024**3

#: The columns of a file that are read; `candidates` and `scores` give the answer.
COLUMNS: Schema = {
    "split": pl.String,
    "pair_id": pl.String,
    "leaked": pl.Boolean,
    "point_words": pl.Int64,
    "nearest_rank": pl.Int64,
    "rescored_rank": pl.Int64,
    "candidates": pl.List(pl.String),
    "scores": pl.List(pl.Float64),
}

_PAIR_ID = r"^[^/]+/[^/]+/[^/]+/[^/]+"

#: Columns that files of earlier versions lack.
ADDED: Schema = {"epoch": pl.Int64, "cluster": pl.Int64, "head_rank": pl.Int64}

#: Metric of a log → the column of PREDICTIONS that counts the same answers, in the widest pool.
COUNTED = {"top1_epa": "hit", "head_top1_epa": "head_hit"}

#: What is wrong with a file → an expression that is true in each row that has it.
_FLAWS = {
    "a value is missing": pl.any_horizontal(
        pl.all().exclude("rescored_rank", "head_hit", *ADDED).is_null()
    ),
    "a pair_id is not domain/title/stance/number": ~pl.col("pair_id").str.contains(_PAIR_ID + "$"),
    "an answer is not a counter or point of a pair": (
        ~pl.col("answer").str.contains(_PAIR_ID + "/(counter|point)$")
    ),
    "candidates and scores differ in number": (
        pl.col("candidates").list.len() != pl.col("scores").list.len()
    ),
    "a split is not training, validation or test": ~pl.col("split").is_in(SPLITS),
    "a rank, a length or an epoch is out of range": (
        (pl.min_horizontal("nearest_rank", "rescored_rank", "head_rank") < 1)
        | (pl.max_horizontal("rescored_rank", "head_rank") > pl.col("candidates").list.len())
        | (pl.min_horizontal("point_words", "epoch") < 0)
    ).fill_null(False),
    "one of rescored_rank and head_rank is missing": (
        pl.col("head_hit").is_not_null()
        & (pl.col("rescored_rank").is_null() != pl.col("head_rank").is_null())
    ),
    "a pair occurs twice": pl.struct("split", "pair_id").is_duplicated(),
    "rescored_rank and scores disagree on an answer": (
        pl.col("hit") != (pl.col("answer") == pl.col("pair_id") + "/counter")
    ),
}


class Answers(NamedTuple):
    """What was read of one file."""

    table: pl.DataFrame  # columns PREDICTIONS; without rows where the file is passed over
    note: str | None = None


def read(
    runs: pl.DataFrame,
    metrics: pl.DataFrame,
    read_file: Callable[[Path, str, str | None, pl.DataFrame], Answers],
) -> tuple[pl.DataFrame, list[str]]:
    """Read the predictions of these runs (columns RUNS, METRICS): PREDICTIONS, and notes on files.

    `read_file` reads each file: the function below, or a cache of it. The notes are those of
    `read_file`, after one that names the completed runs without a file of predictions.
    """
    found = [pl.DataFrame(schema=PREDICTIONS)]
    notes: list[str] = []
    missing: list[str] = []
    logged = _logged(metrics)
    counted = logged.partition_by("run_id", as_dict=True)
    of_train = runs.filter(pl.col("format") != "legacy")
    by_source = of_train.group_by("source", maintain_order=True).agg(
        "run_id", "status", "predictions_sha256"
    )
    for source, run_ids, states, checksums in by_source.rows():
        path = beside(source)
        if not os.path.lexists(path):
            missing += [r for r, s in zip(run_ids, states, strict=True) if s == "completed"]
            continue
        if len(run_ids) > 1:
            notes.append(f"{path}: of one run, but its log holds several, passed over")
            continue
        (run_id,), (checksum,) = run_ids, checksums
        counts = counted.get((run_id,), logged.clear())
        table, note = read_file(path, run_id, checksum, counts)
        found.append(table)
        notes += [note] if note else []
    return pl.concat(found), [*_missing_note(missing), *notes]


def read_file(path: Path, run_id: str, checksum: str | None, logged: pl.DataFrame) -> Answers:
    """Read the predictions of one run, and check them against its log.

    `checksum` is the SHA-256 of the file (None: not known), `logged` are those rows of METRICS that
    count the same answers (`COUNTED`). A file is left out, with a note, if it is damaged, if
    `train` would not have written it, or if it belongs to another run or to another state of this
    one.
    """
    nothing = pl.DataFrame(schema=PREDICTIONS)
    try:
        data = contents(path)
        if checksum not in (None, hashlib.sha256(data).hexdigest()):
            raise ValueError("its checksum is not the one in the log: changed or damaged")
        table = _answers(data, run_id)
        flaw = next(_flaws(table, logged), None)
    except AnalysisError as error:
        return Answers(nothing, f"{error}, passed over")
    except (ValueError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        flaw = str(error).split("\n")[0]
    if flaw:
        note = f"{path}: not the predictions of this run ({flaw}), passed over"
        return Answers(nothing, note)
    unchecked = f"{path}: used, though its log has no final evaluation to check it by"
    return Answers(conform(table, PREDICTIONS), unchecked if logged.is_empty() else None)


def _missing_note(run_ids: Sequence[str]) -> Iterator[str]:
    """Say which completed runs have no predictions."""
    if run_ids:
        yield (
            f"no predictions beside the logs of {some(run_ids)}: these runs are left out of the "
            "effects on validation and test"
        )


def beside(source: str) -> Path:
    """Return the path of the predictions that belong to the run log `source`."""
    path = Path(source)
    return path.with_name(path.name.removesuffix(".jsonl") + ENDING)


def _answers(data: bytes, run_id: str) -> pl.DataFrame:
    """Parse a file and add the columns of PREDICTIONS.

    Raises `ValueError` or polars' errors where it cannot.
    """
    if size_in_memory(data) > MOST_BYTES:
        raise ValueError(f"it would take more than {MOST_BYTES / 1e9:.1f} GB of memory")
    # From bytes: polars would take brackets in a path for a pattern.
    table = pl.read_parquet(data)
    absent = [pl.lit(None, dtype).alias(n) for n, dtype in ADDED.items() if n not in table.columns]
    told = pl.lit("head_rank" in table.columns)
    table = conform(table.with_columns(absent), COLUMNS | ADDED)
    # As `train` ranks: not a number is below all, and the nearer of equals comes first.
    finite = pl.col("scores").list.eval(pl.element().fill_nan(float("-inf")))
    return table.with_columns(
        run_id=pl.lit(run_id),
        hit=(pl.col("rescored_rank") == 1).fill_null(False),
        head_hit=pl.when(told).then((pl.col("head_rank") == 1).fill_null(False)),
        answer=pl.col("candidates").list.get(finite.list.arg_max(), null_on_oob=True),
    )


def _logged(metrics: pl.DataFrame) -> pl.DataFrame:
    """Select the figures in the logs that count the same answers.

    A run that was continued after its end has two such records; the later epoch counts.
    """
    return metrics.filter(pl.col("metric").is_in(COUNTED), event="pools").filter(
        pl.col("epoch") == pl.col("epoch").max().over("run_id")
    )


def _flaws(table: pl.DataFrame, logged: pl.DataFrame) -> Iterator[str]:
    """Yield each reason why a table of `_answers` cannot be used; `logged` as in `read_file`."""
    found = table.select(expression.any().alias(flaw) for flaw, expression in _FLAWS.items())
    yield from (flaw for flaw in _FLAWS if found[flaw].item())
    told = {metric: column for metric, column in COUNTED.items() if not table[column].null_count()}
    ours = (
        table.group_by("split")
        .agg(pl.len().alias("points"), **{m: pl.col(column).sum() for m, column in told.items()})
        .unpivot(index=("split", "points"), variable_name="metric", value_name="hits")
    )
    # Earlier files hold no answers on training.
    held_out = (pl.col("split") != "training") | pl.col("split").is_in(ours["split"].implode())
    other = (
        logged.filter(held_out, pl.col("metric").is_in(told))
        .join(ours, on=("split", "metric"), how="left")
        .filter(
            pl.col("points").ne_missing(pl.col("n"))
            | pl.col("hits").ne_missing((pl.col("value") * pl.col("n")).round().cast(pl.Int64))
        )
    )
    if other.height:
        yield "its hits differ from those in the log"
