"""`analysis.statistics.pairing`: queries that two runs of one seed both answered."""

import polars as pl

from analysis.statistics import pairing


def test_runs_of_one_seed_are_paired_query_by_query():
    runs = pl.DataFrame({"run_id": ["a", "b", "c", "d"], "seed": [0, 1, 0, None]})
    outcomes = pl.DataFrame(
        {
            "run_id": ["a", "a", "b", "c", "c", "d"],
            "split": ["test"] * 6,
            "pair_id": ["p", "q", "p", "q", "r", "p"],
            "hit": [True, False, True, True, True, True],
        }
    )
    pairs = pairing.paired(outcomes, runs[:2], runs[2:])
    assert pairs.select("seed", "split", "pair_id", "hit", "hit_other").rows() == [
        (0, "test", "q", False, True)
    ]
