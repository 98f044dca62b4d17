"""Reads `<log>.predictions.parquet`: what a run answered to every single point.

`train` writes such a file beside each JSONL log when it has finished: a row a point of every split,
as the weights of the last epoch answer it. `logs.read` reads them into `Log.predictions`.
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from analysis.schema import PREDICTIONS, Schema, conform

ENDING = ".predictions.parquet"

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
ADDED: Schema = {"epoch": pl.Int64, "cluster": pl.Int64}

#: What is wrong with a file → an expression that is true in each row that has it.
_FLAWS = {
    "a value is missing": pl.any_horizontal(pl.all().exclude("rescored_rank", *ADDED).is_null()),
    "a pair_id is not domain/title/stance/number": ~pl.col("pair_id").str.contains(_PAIR_ID + "$"),
    "an answer is no counter or point of a pair": (
        ~pl.col("answer").str.contains(_PAIR_ID + "/(counter|point)$")
    ),
    "candidates and scores differ in number": (
        pl.col("candidates").list.len() != pl.col("scores").list.len()
    ),
    "a pair comes twice": pl.struct("split", "pair_id").is_duplicated(),
    "rescored_rank and scores disagree on an answer": (
        pl.col("hit") != (pl.col("answer") == pl.col("pair_id") + "/counter")
    ),
}


def read(runs: pl.DataFrame, metrics: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Read the predictions of these runs (columns RUNS, METRICS): PREDICTIONS, and notes on files.

    A run beside whose log no such file lies has no rows. A file that is damaged, that does not hold
    what `train` writes, or that is of another state of the run than its log, is noted and left out.
    """
    found = [pl.DataFrame(schema=PREDICTIONS)]
    notes = []
    of_train = runs.filter(pl.col("format") != "legacy")
    for (source,), ours in of_train.group_by("source", maintain_order=True):
        path = beside(str(source))
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            notes.append(f"{path}: cannot be read ({error.strerror}), passed over")
            continue
        if ours.height > 1:
            notes.append(f"{path}: of one run, but its log holds several, passed over")
            continue
        try:
            table = _answers(data, ours["run_id"].item())
            flaw = next(_flaws(table, metrics), None)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            flaw = str(error).split("\n")[0]
        if flaw:
            notes.append(f"{path}: not the predictions of this run ({flaw}), passed over")
        else:
            found.append(conform(table, PREDICTIONS))
    return pl.concat(found), notes


def beside(source: str) -> Path:
    """Return the path of the predictions that belong to the run log `source`."""
    path = Path(source)
    return path.with_name(path.name.removesuffix(".jsonl") + ENDING)


def _answers(data: bytes, run_id: str) -> pl.DataFrame:
    """Parse a file and add the columns of PREDICTIONS. Raises polars' errors where it cannot."""
    # From bytes: polars would take brackets in a path for a pattern.
    table = pl.read_parquet(data)
    absent = [pl.lit(None, dtype).alias(n) for n, dtype in ADDED.items() if n not in table.columns]
    table = conform(table.with_columns(absent), COLUMNS | ADDED)
    # As `train` ranks: not a number is below all, and the nearer of equals comes first.
    finite = pl.col("scores").list.eval(pl.element().fill_nan(float("-inf")))
    return table.with_columns(
        run_id=pl.lit(run_id),
        hit=(pl.col("rescored_rank") == 1).fill_null(False),
        answer=pl.col("candidates").list.get(finite.list.arg_max(), null_on_oob=True),
    )


def _flaws(table: pl.DataFrame, metrics: pl.DataFrame) -> Iterator[str]:
    """Yield each reason why a table of `_answers` cannot be used."""
    for flaw, expression in _FLAWS.items():
        if table.select(expression.any()).item():
            yield flaw
    # `train` counts its widest pool, epa, from the same answers: an exact check. A run that went on
    # after its end has counted twice, the second time at its new best epoch.
    logged = metrics.filter(pl.col("event") == "pools", pl.col("metric") == "top1_epa").filter(
        pl.col("epoch") == pl.col("epoch").max().over("run_id")
    )
    ours = table.group_by("run_id", "split").agg(pl.col("hit").sum(), points=pl.len())
    other = ours.join(logged, on=["run_id", "split"]).filter(
        (pl.col("points") != pl.col("n"))
        | (pl.col("hit") != (pl.col("value") * pl.col("n")).round())
    )
    if other.height:
        yield "its hits are not those of the log"
