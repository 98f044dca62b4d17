from pathlib import Path

import pytest

from biencoder.config import Config
from biencoder.data.tables import columns, formats
from biencoder.data.tables.table import Table
from biencoder.errors import CorpusError


def roles(names, flag=None):
    """The name that each role found."""
    table = Table(Path("a.csv"), tuple(names), [], has_header=True)
    return {role: names[place] for role, place in columns.find(table, columns.choice(flag)).items()}


@pytest.mark.parametrize(
    ("name", "written"),
    [
        (" counterArgument ", "counter_argument"),
        ("HATE_SPEECH", "hate_speech"),
        ("Counter-Argument (best)", "counter_argument_best"),
        ("_id", "id"),
        ("HTMLText", "html_text"),
    ],
)
def test_names_are_compared_without_case_and_signs(name, written):
    assert columns.normalised(name) == written


@pytest.mark.parametrize(
    ("names", "point", "counter"),
    [
        (["Argument", "Counter"], "Argument", "Counter"),
        (["counter", "x", "argument"], "argument", "counter"),
        (["cn_id", "hateSpeech", "counterSpeech"], "hateSpeech", "counterSpeech"),
        (["query", "pos", "neg"], "query", "pos"),
        (["anchor", "positive", "negative"], "anchor", "positive"),
        (["parent_argument", "child"], "parent_argument", "child"),
        (["query", "response"], "query", "response"),
        (["context", "Response"], "context", "Response"),
        (["claim", "rebuttal", "query", "answer"], "claim", "rebuttal"),
    ],
)
def test_point_and_counter_are_found_by_name(names, point, counter):
    found = roles(names)
    assert (found["point"], found["counter"]) == (point, counter)


def test_what_else_a_pair_has_is_found_by_name():
    names = ["", "INDEX", "argument", "counter", "TARGET", "topic", "side", "set", "number"]
    assert roles(names) == {
        "point": "argument",
        "counter": "counter",
        "split": "set",
        "debate": "topic",
        "stance": "side",
        "domain": "TARGET",
        "number": "number",
        "id": "INDEX",
    }


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["argument", "counter", "rebuttal"], "'counter' and 'rebuttal' could each be the counter"),
        (["claim", "Statement", "counter"], "'claim' and 'Statement' could each be the point"),
        (["argument", "counter", "topic", "motion"], "'topic' and 'motion' .* the debate"),
        (["query", "pos", "answer"], "'query' and 'pos' and 'answer' could be point and counter"),
        (["argument", "topic", "stance"], r"found a point \('argument'\) but no counter"),
        (["conclusion", "premises"], "no column is named like a point; say which.*'conclusion'"),
        (["a long sentence with many words", "x", "y"], "line 1: .*--columns=point,counter,_$"),
        (["genQ5", "257122", "18.46"], "the first line reads like data"),
    ],
)
def test_columns_that_are_not_certain_are_refused_by_name(names, message):
    with pytest.raises(CorpusError, match=message):
        roles(names)


def test_names_that_no_line_of_the_file_holds_do_not_read_like_data():
    with pytest.raises(CorpusError, match="say which are which: .*there are '0', '1'"):
        columns.find(Table(Path("a.parquet"), ("0", "1"), [], unit="row"), columns.Choice())


def test_names_of_a_headerless_file_without_point_and_counter_are_explained(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("One text.,Another one.\n")
    choice = columns.choice("Text A,Text B")
    table = formats.read(path, choice.names)
    with pytest.raises(CorpusError, match="write these words in the columns' places"):
        columns.find(table, choice)


def test_columns_of_ones_own_choice_settle_it():
    names = ["argument", "counter", "rebuttal", "topic"]
    assert roles(names, "counter=rebuttal,_=topic") == {"counter": "rebuttal", "point": "argument"}
    assert roles(["Text A", "Text B"], "point=text_a,counter=Text B")["counter"] == "Text B"


def test_a_column_that_is_not_there_is_refused():
    with pytest.raises(CorpusError, match="point=that: no column has this name; there are 'this'"):
        roles(["this", "counter"], "point=that")


def test_a_role_that_is_given_twice_is_refused():
    with pytest.raises(CorpusError, match="--columns=point=b: point is given twice; keep one"):
        roles(["a", "b", "counter"], "point=a,point=b")


def test_a_header_is_not_taken_for_data():
    table = Table(Path("a.csv"), ("point", "counter"), [(1, [])], first_line=("Claim", "Rebuttal"))
    with pytest.raises(CorpusError, match="line 1: a header, it seems"):
        columns.find(table, columns.choice("point,counter"))


def test_negatives_and_unknown_columns_are_named():
    table = Table(Path("a"), ("query", "pos", "neg", "prompt", ""), [])
    assert columns.unused(table, {"point": 0, "counter": 1}) == (["neg"], ["prompt"])


@pytest.mark.parametrize("role", columns.ROLES)
def test_every_role_of_a_column_can_be_named_by_the_flag(role: str) -> None:
    assert Config(columns=f"{role}=x").columns == f"{role}=x"
