"""Makes the table of predictions: what was retrieved for every point."""

import numpy as np
import numpy.typing as npt
import polars as pl

from biencoder.arrays import Ints
from biencoder.data.corpus import Split
from biencoder.retrieval.pools import Retrieved


def table(split: Split, retrieved: Retrieved, leaked: npt.NDArray[np.bool_]) -> pl.DataFrame:
    """Make the table of predictions: one row a point, of the widest pool, `epa`.

    Columns: split; pair_id ('domain/title/stance/number'); cluster (see `Split.clusters`); leaked
    (the pair shares a text across the border between training and the held-out splits);
    point_words; nearest_rank (the own counter's place by distance among all, from 1);
    rescored_rank (its place after rescoring, 1 to 10, null where it is not among the ten nearest)
    and head_rank (the same by the pair head alone, without hubness); candidates (the ten nearest
    first: pair id and '/counter' or '/point'), distances (Euclidean) and scores (log-odds of "is
    the counter", less hubness) in their order.
    """
    ranking = retrieved.rankings["epa"]
    names = split.candidate_names
    filled = [row[row >= 0] for row in ranking.candidates]
    return pl.DataFrame(
        {
            "split": [split.name] * len(split),
            "pair_id": split.pair_ids,
            "cluster": split.clusters,
            "leaked": leaked,
            "point_words": [len(point.split()) for point in split.pairs["point"]],
            "nearest_rank": retrieved.nearest_rank,
            "rescored_rank": [int(rank) or None for rank in ranking.rescored_rank],
            "head_rank": [int(rank) or None for rank in ranking.head_rank],
            "candidates": [[names[candidate] for candidate in row] for row in filled],
            "distances": _rows(retrieved.distances, filled),
            "scores": _rows(ranking.scores, filled),
        },
        schema_overrides={
            "rescored_rank": pl.Int64,
            "head_rank": pl.Int64,
            "candidates": pl.List(pl.String),
            "distances": pl.List(pl.Float64),
            "scores": pl.List(pl.Float64),
        },
    )


def _rows(values: np.ndarray, filled: list[Ints]) -> list[list[float]]:
    """Cut `values` [N, K] to the candidates that each pool really held."""
    return [row[: len(kept)].tolist() for row, kept in zip(values, filled, strict=True)]
