"""Writes predictions, see `retrieval.predictions`, as parquet and as TREC run and qrels files."""

import hashlib
from pathlib import Path
from urllib.parse import quote

import numpy as np
import polars as pl

from biencoder.runtime.main_process import main_process_only
from biencoder.storage.atomic import whole_file


@main_process_only
def write_parquet(tables: list[pl.DataFrame], path: Path) -> str:
    """Write the tables of several splits as one parquet file; returns its SHA-256."""
    with whole_file(path) as unfinished:
        pl.concat(tables).write_parquet(unfinished)
        with unfinished.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def write_trec(predictions: pl.DataFrame, run_id: str, folder: Path) -> None:
    """Write one split's table as `<split>.run` and `<split>.qrels`, for trec_eval and the like.

    The run holds the ten candidates in their order after rescoring. Its score column is 10, 9, …:
    tools sort by it, some in single precision, where log-odds could tie or swap.
    """
    split = predictions["split"][0]
    run, qrels = [], []
    for row in predictions.iter_rows(named=True):
        query = quote(row["pair_id"])
        qrels.append(f"{query} 0 {query}/counter 1\n")
        order = np.argsort(-np.array(row["scores"]), kind="stable")
        for place, candidate in enumerate(order):
            name = quote(row["candidates"][candidate])
            run.append(f"{query} Q0 {name} {place + 1} {10 - place} {run_id}\n")
    for suffix, lines in (("run", run), ("qrels", qrels)):
        with whole_file(folder / f"{split}.{suffix}") as unfinished:
            unfinished.write_text("".join(lines), "utf-8")
