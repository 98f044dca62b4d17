"""`analysis.statistics.error_analysis`: what is answered, and what the wrong answers are."""

import random

import polars as pl
import pytest

from analysis.schema import PREDICTIONS
from analysis.statistics import error_analysis, intervals

LAW, TAX = "law/tax/pro/01", "law/tax/con/01"
SPORT = "sport/running/pro/01"


def runs(**configurations):
    """The columns of `measures.per_run` that matter here: run id = its configuration."""
    return pl.DataFrame(
        {
            "run_id": list(configurations),
            "configuration": list(configurations.values()),
            "counted": [True] * len(configurations),
        }
    )


def shares(table, aspect, split="test"):
    """Group → (n, share) of an aspect, in the table's order."""
    ours = table.filter(pl.col("aspect") == aspect, pl.col("split") == split)
    return {group: (n, share) for group, n, share in ours.select("group", "n", "share").iter_rows()}


def test_top_1_is_told_by_domain_and_over_all(answers):
    given = {LAW: None, TAX: f"{LAW}/point", SPORT: None}
    table = error_analysis.analyse(answers("a", given), runs(a="x"))
    assert dict(table.schema) == error_analysis.ERROR_ANALYSIS
    assert shares(table, "all points") == {"all": (3, pytest.approx(2 / 3))}
    assert shares(table, "domain") == {"law": (2, 0.5), "sport": (1, 1.0)}


def test_wrong_answers_are_told_by_where_they_come_from_and_what_they_are(answers):
    given = {
        LAW: "law/tax/pro/02/counter",
        "law/tax/pro/03": "law/tax/con/02/point",
        "law/tax/pro/04": "law/fines/pro/01/counter",
        SPORT: "law/tax/pro/01/point",
        TAX: None,
    }
    table = error_analysis.analyse(answers("a", given), runs(a="x"))
    assert shares(table, "wrong answer from") == dict.fromkeys(error_analysis.ORIGINS, (4, 0.25))
    assert list(shares(table, "wrong answer from")) == list(error_analysis.ORIGINS)
    assert shares(table, "wrong answer is") == {"a counter": (4, 0.5), "a point": (4, 0.5)}


def test_a_debate_of_one_title_in_two_domains_is_two_debates(answers):
    table = error_analysis.analyse(answers("a", {LAW: "sport/tax/pro/01/counter"}), runs(a="x"))
    assert shares(table, "wrong answer from")["elsewhere"] == (1, 1.0)


def test_lengths_fall_into_quarters_from_the_shortest_to_the_longest(answers):
    words = {f"law/tax/pro/{number}": number for number in range(1, 9)}
    given = {pair: None if length <= 4 else f"{LAW}/point" for pair, length in words.items()}
    table = error_analysis.analyse(answers("a", given, words=words), runs(a="x"))
    assert shares(table, "length of the point") == {
        "up to 2 words": (2, 1.0),
        "3 to 4 words": (2, 1.0),
        "5 to 6 words": (2, 0.0),
        "7 words and more": (2, 0.0),
    }


def test_leaked_points_stand_beside_the_others(answers):
    given = {LAW: None, TAX: f"{LAW}/point"}
    table = error_analysis.analyse(answers("a", given, leaked=[LAW]), runs(a="x"))
    assert shares(table, "leakage") == {"leaked": (1, 1.0), "not leaked": (1, 0.0)}


def test_every_share_is_that_of_a_plain_loop_over_points_and_runs(answers):
    draw = random.Random(0)
    pairs = [
        f"{domain}/{title}/{stance}/{number}"
        for domain in ("law", "sport")
        for title in ("tax", "fines")
        for stance in ("pro", "con")
        for number in (1, 2, 3)
    ]
    words = {pair: draw.randrange(20) for pair in pairs}
    leaked = [pair for pair in pairs if draw.random() < 0.3]
    given = {
        run: {
            pair: None
            if draw.random() < 0.4
            else draw.choice([p for p in pairs if p != pair]) + draw.choice(["/counter", "/point"])
            for pair in pairs
        }
        for run in "abc"
    }
    table = error_analysis.analyse(
        pl.concat(answers(run, g, words=words, leaked=leaked) for run, g in given.items()),
        runs(a="x", b="x", c="y"),
    )

    def origin(pair, answer):
        alike = [a == b for a, b in zip(pair.split("/"), answer.split("/"), strict=False)]
        return error_analysis.ORIGINS[3 - (alike[:3] + [False]).index(False)]

    def group(aspect, pair, answer):
        match aspect:
            case "all points":
                return "all"
            case "domain":
                return pair.split("/")[0]
            case "leakage":
                return "leaked" if pair in leaked else "not leaked"
            case "wrong answer from":
                return origin(pair, answer)
            case "wrong answer is":
                return "a " + answer.split("/")[-1]

    for row in table.filter(pl.col("aspect") != "length of the point").iter_rows(named=True):
        told = [
            (group(row["aspect"], pair, answer), answer)
            for run in {"x": "ab", "y": "c"}[row["configuration"]]
            for pair, answer in given[run].items()
            if answer or not row["aspect"].startswith("wrong")
        ]
        if row["aspect"].startswith("wrong"):
            part, whole = [g for g, _ in told if g == row["group"]], told
        else:
            whole = [answer for g, answer in told if g == row["group"]]
            part = [answer for answer in whole if answer is None]
        assert row["share"] == pytest.approx(len(part) / len(whole)), row
        assert row["n"] == pytest.approx(len(whole) / row["runs"]), row


def test_runs_of_a_configuration_are_taken_together_with_the_interval_of_one(answers):
    given = [{LAW: None, TAX: None}, {LAW: None, TAX: f"{LAW}/point"}]
    both = pl.concat([answers("a", given[0]), answers("b", given[1])])
    table = error_analysis.analyse(both, runs(a="x", b="x"))
    assert shares(table, "all points") == {"all": (2, 0.75)}
    row = table.filter(pl.col("aspect") == "all points").row(0, named=True)
    assert row["runs"] == 2
    low, high = intervals.wilson(pl.lit(0.75), pl.lit(2))
    assert (row["low"], row["high"]) == pl.select(low, high.alias("high")).row(0)


def test_runs_that_do_not_count_have_no_say(answers):
    table = runs(a="x", b="x").with_columns(counted=pl.col("run_id") == "a")
    both = pl.concat([answers("a", {LAW: None}), answers("b", {LAW: f"{TAX}/point"})])
    assert shares(error_analysis.analyse(both, table), "all points") == {"all": (1, 1.0)}


@pytest.mark.parametrize(
    ("splits", "expected"),
    [(("training", "validation", "test"), "test"), (("training", "validation"), "validation")],
)
def test_a_person_is_shown_test_where_there_is_one(splits, expected, answers):
    every = pl.concat([answers("a", {LAW: None}, split) for split in splits])
    table = error_analysis.shown(error_analysis.analyse(every, runs(a="x")))
    assert set(table["split"]) == {expected}


@pytest.mark.parametrize(("leaked", "found"), [([], []), ([LAW], ["leaked", "not leaked"])])
def test_a_person_is_shown_leakage_where_there_is_any(leaked, found, answers):
    table = error_analysis.analyse(answers("a", {LAW: None, TAX: None}, leaked=leaked), runs(a="x"))
    shown = error_analysis.shown(table)
    assert shown.filter(pl.col("aspect") == "leakage")["group"].to_list() == found
    assert shares(table, "leakage")  # the table has it all the same


def test_without_predictions_there_is_nothing_to_tell():
    table = error_analysis.analyse(pl.DataFrame(schema=PREDICTIONS), runs(a="x"))
    assert table.is_empty()
    assert error_analysis.shown(table).is_empty()


def test_what_the_corpus_does_not_tell_is_no_group(answers):
    table = error_analysis.analyse(answers("a", {"-/-/-/1": "-/-/-/2/counter"}), runs(a="x"))
    assert shares(table, "domain") == shares(table, "wrong answer from") == {}
    assert shares(table, "wrong answer is")["a counter"] == (1, 1.0)
