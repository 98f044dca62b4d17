import math
from datetime import date
from pathlib import Path

import pytest

from biencoder.data.tables import columns, pairs
from biencoder.data.tables.table import Table
from biencoder.errors import CorpusError

NAMES = ("point", "counter")


def read(rows, names=NAMES, split="test"):
    table = Table(Path("a.csv"), names, [*enumerate(rows, start=2)])
    return [*pairs.read(table, columns.find(table, columns.choice(None)), split)]


def reasons(rows, names=NAMES):
    return [row.reason for row in read(rows, names)]


@pytest.mark.parametrize(
    "cell", [None, "", " \n", "nan", "None", "NULL", "n/a", "NA", "<na>", math.nan, "\u200b"]
)
def test_an_argument_may_be_missing_in_many_ways(cell):
    rows = [["p", "c"], ["p", "c"], [cell, "c"], ["p", cell]]
    assert reasons(rows) == [None, None, "point missing", "counter missing"]


def test_such_words_are_no_gap_elsewhere():
    row = read([["p", "c", "NA", "nan"]], (*NAMES, "id", "topic"))[0]
    assert (row.number, row.title) == ("NA", "nan")


def test_a_list_gives_a_pair_each():
    cells = [["a", " b "], [{"text": "a", "title": "t"}], '["a", "b"]', "[a]", [], "[1, 2]"]
    counters = [[row.counter for row in read([["p", cell]])] for cell in cells]
    assert counters == [["a", "b"], ["a"], ["a", "b"], ["[a]"], [None], ["[1, 2]"]]


def test_a_list_in_a_cell_of_text_is_read_as_one_of_json_lines():
    assert reasons([["p", '["a", null]']]) == reasons([["p", ["a", None]]])
    assert [row.counter for row in read([["p", '[{"text": "a"}]']])] == ["a"]
    deep = 100_000 * "["
    assert [row.counter for row in read([["p", deep]])] == [deep]


def test_numbers_are_written_without_a_point():
    row = read([["p", "c", 7.0, 3]], (*NAMES, "id", "topic"))[0]
    assert (row.number, row.title) == ("7", "3")


def test_a_point_is_not_its_own_counter():
    assert reasons([["a  text", "a text"]]) == ["point equals counter"]


def test_what_others_have_judged_to_be_no_counter_is_none():
    rows = [["p", "c", "attack"], ["p", "d", "support"], [None, "d", "support"]]
    assert reasons(rows, (*NAMES, "relation")) == [None, "support", "point missing"]


@pytest.mark.parametrize(
    ("row", "names", "message"),
    [
        (["p", "c", "maybe"], "label", "line 2, column 'label': 'maybe' says neither"),
        (["p", "c", None], "score", "line 2, column 'score': empty says neither"),
        (["p", "c", "V1"], "subset", "line 2, column 'subset': 'V1', where train, dev"),
        (["p", "c", ""], "split", "line 2, column 'split': empty, where train"),
        ([["p"], "c", ""], "id", "column 'point': a list where one text is expected"),
        ([b"p", "c", ""], "id", "column 'point': a bytes where one text is expected"),
        ([date(2020, 1, 1), "c", ""], "id", "column 'point': a date where one text is"),
        (["p", [["c"]], ""], "id", "column 'counter': a list where a text or an object"),
        (["p", [17, 4], ""], "id", "column 'counter': a int where a text or an object"),
        (["p", [{"title": "t"}], ""], "id", "column 'counter': a dict where"),
        (["p", "['a', 'b']", ""], "id", "column 'counter': not a JSON list"),
        (["p", "['a', None]", ""], "id", "column 'counter': not a JSON list"),
        (["p", "[{'docid': '0', 'text': 'a'}]", ""], "id", "not a JSON list"),
        (["p", '[{"title": "a"}]', ""], "id", "a dict where a text or an object with 'text'"),
    ],
)
def test_a_cell_that_cannot_be_read_rightly_is_named(row, names, message):
    with pytest.raises(CorpusError, match=message):
        read([row], (*NAMES, names), split=None)


def test_a_table_most_of_whose_points_are_missing_has_merged_cells():
    rows = [["p", "c"], ["", "c"], ["", "d"]]
    with pytest.raises(
        CorpusError, match="line 3, column 'point': empty, as in 2 of 3 rows; were cells merged"
    ):
        read(rows)
    assert reasons(rows[:2]) == [None, "point missing"]


def test_the_first_of_equal_rows_stays():
    frame, _ = pairs.to_frame(read([["p q", "c"], ["p  q ", "c"], ["p q", "d"]]), numbered=False)
    assert frame["reason"].to_list() == [None, "duplicate", None]


def test_equal_pairs_of_several_debates_stay_where_pairs_are_numbered():
    rows = [["p", "c", "x", "1"], ["p", "c", "y", "1"], ["p", "c", "y", "1.0"]]
    found = read(rows, (*NAMES, "debate", "number"))
    frame, _ = pairs.to_frame(found[:2], numbered=True)
    assert frame["number"].to_list() == [1, 1]
    assert frame["reason"].to_list() == [None, None]


def test_every_pair_has_a_name_of_its_own():
    rows = [["p", "c", "7"], ["p", "d", "7"], ["q", "c", ""], ["r", "c", "7.2"], ["s", "c", "7"]]
    frame, _ = pairs.to_frame(read(rows, (*NAMES, "id")), numbered=False)
    assert frame["number"].to_list() == ["7", "7.2", "row 3", "7.2.2", "7.3"]


def test_pairs_without_ids_are_counted():
    frame, _ = pairs.to_frame(read([["p", "c"], ["p", ""], ["q", "c"]]), numbered=False)
    assert frame["number"].to_list() == [1, None, 2]
