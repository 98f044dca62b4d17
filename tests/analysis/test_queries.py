"""`analysis.queries`: what one configuration answers and another does not."""

import random
from itertools import combinations

import polars as pl
import pytest

from analysis import queries

P, Q, R = "law/tax/pro/01", "law/tax/pro/02", "law/tax/con/01"
WRONG = f"{R}/point"


@pytest.fixture
def by_run():
    """Of `summary.per_run` what is looked at: two seeds of x and of y, in the same order."""
    return pl.DataFrame(
        {
            "run_id": ["x0", "x1", "y0", "y1"],
            "configuration": ["x", "x", "y", "y"],
            "format": ["jsonl"] * 4,
            "seed": [0, 1, 0, 1],
            "counted": [True] * 4,
            "best_validation": [0.5, 0.5, 0.4, 0.4],
        }
    )


@pytest.fixture
def compared(answers, by_run):
    """`queries.compare` of runs given as pair id → answer."""
    return lambda **given: queries.compare(
        pl.concat([answers(run, g) for run, g in given.items()]), by_run
    )


def test_a_query_counts_where_one_side_answers_it_in_every_seed_and_the_other_in_none(compared):
    table = compared(
        x0={P: None, Q: None, R: None},
        x1={P: None, Q: None, R: None},
        y0={P: WRONG, Q: WRONG, R: None},
        y1={P: WRONG, Q: None, R: None},
    )
    assert dict(table.schema) == queries.QUERIES
    hits = table.select("pair_id", "seeds", "first_hits", "second_hits").rows()
    assert hits == [(R, 2, 2, 2), (P, 2, 2, 0), (Q, 2, 2, 1)]
    assert queries.differing(table).rows() == [("test", "x", "y", P, 2, WRONG)]
    assert queries.rows(table)[1] == ["test", "x", "y", "2", "3", "1", "0"]


def test_both_directions_are_listed(compared):
    table = compared(x0={P: None, Q: WRONG}, y0={P: WRONG, Q: None})
    found = queries.differing(table).select("answered_by", "missed_by", "pair_id").rows()
    assert found == [("x", "y", P), ("y", "x", Q)]


def test_counts_are_those_of_a_plain_loop_over_pairs_of_configurations(answers):
    draw = random.Random(0)
    pairs = [f"law/tax/pro/{number:02}" for number in range(20)]
    names = {"x": 0.8, "y": 0.5, "z": 0.2}  # share of right answers, and order of comparison
    given = {
        (name, seed): {pair: None if draw.random() < right else WRONG for pair in pairs}
        for seed in (2, 0, 1)
        for name, right in names.items()
    }
    by_run = pl.DataFrame(
        [(f"{n}{s}", n, "jsonl", s, True, names[n]) for n, s in given],
        schema=["run_id", "configuration", "format", "seed", "counted", "best_validation"],
        orient="row",
    )
    table = queries.compare(pl.concat(answers(f"{n}{s}", g) for (n, s), g in given.items()), by_run)

    def hits(name, pair):
        return sum(given[name, seed][pair] is None for seed in range(3))

    expected = {
        (a, b, pair): (3, hits(a, pair), hits(b, pair))
        for a, b in combinations(names, 2)
        for pair in pairs
    }
    columns = ("first", "second", "pair_id", "seeds", "first_hits", "second_hits")
    assert {row[:3]: row[3:] for row in table.select(columns).rows()} == expected
    lost = [
        (*sides, pair)
        for a, b in combinations(names, 2)
        for sides in ((a, b), (b, a))
        for pair in pairs
        if (hits(sides[0], pair), hits(sides[1], pair)) == (3, 0)
    ]
    found = queries.differing(table).select("answered_by", "missed_by", "pair_id").rows()
    assert lost
    assert sorted(found) == sorted(lost)


def test_the_wrong_answer_is_that_of_the_first_shared_seed(answers, by_run):
    other = f"{Q}/counter"
    given = [("y1", other), ("x1", None), ("y0", WRONG), ("x0", None)]
    table = queries.compare(
        pl.concat(answers(run, {P: answer}) for run, answer in given), by_run.reverse()
    )
    assert queries.differing(table)["wrong_answer"].to_list() == [WRONG]


def test_seeds_that_only_one_side_has_do_not_count(compared):
    table = compared(x0={P: None}, x1={P: WRONG}, y0={P: WRONG})
    assert table.select("seeds", "first_hits", "second_hits").rows() == [(1, 1, 0)]


def test_runs_of_two_formats_are_not_compared(answers, by_run):
    given = pl.concat(answers(run, {P: a}) for run, a in (("x0", None), ("y0", WRONG)))
    older = pl.when(pl.col("configuration") == "y").then(pl.lit("jsonl schema 1"))
    assert queries.compare(given, by_run).height == 1
    by_run = by_run.with_columns(format=older.otherwise("format"))
    assert queries.compare(given, by_run).is_empty()


def test_training_points_are_not_compared(answers, by_run):
    given = [answers(run, {P: a}, "training") for run, a in (("x0", None), ("y0", WRONG))]
    assert queries.compare(pl.concat(given), by_run).is_empty()


def test_the_terminal_is_shown_test_where_there_is_one(answers, by_run):
    both = [
        answers(run, {P: answer}, split)
        for run, answer in (("x0", None), ("y0", WRONG))
        for split in ("validation", "test")
    ]
    table = queries.compare(pl.concat(both), by_run)
    assert [row[0] for row in queries.rows(table)[1:]] == ["validation", "test"]
    assert "validation" not in queries.text(table)
    assert queries.text(table.filter(pl.col("split") == "none")) == ""
