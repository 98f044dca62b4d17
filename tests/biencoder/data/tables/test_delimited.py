import pytest

from biencoder.data.tables import formats
from biencoder.errors import CorpusError


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_ends_and_a_byte_order_mark_are_no_part_of_a_cell(write_file, ending):
    table = formats.read(write_file("a.csv", "\ufeffp,c" + ending + "1,2" + ending))
    assert (table.names, table.rows) == (("p", "c"), [(2, ["1", "2"])])


def test_a_cell_of_several_lines_is_one_and_lines_are_counted_as_they_are(write_file):
    text = '\ufeffpoint;counter\n"a;\n""b""";c\n\n;\nd;e\n'
    table = formats.read(write_file("a.csv", text))
    assert table.rows == [(2, ['a;\n"b"', "c"]), (6, ["d", "e"])]


def test_stray_quotes_of_a_tsv_without_quoting_are_text(write_file):
    text = 'point\tcounter\n"Why" he asked\the said "no\n"quoted ""whole"""\t"open\n'
    table = formats.read(write_file("a.tsv", text))
    assert [cells for _, cells in table.rows] == [
        ['"Why" he asked', 'he said "no'],
        ['quoted "whole"', '"open'],
    ]


def test_a_quoted_cell_of_a_tsv_may_hold_tabs_and_lines(write_file):
    table = formats.read(write_file("a.tsv", 'p\tc\n"a\tb\n\tc"\td\n'))
    assert table.rows == [(2, ["a\tb\n\tc", "d"])]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "point;counter\na, b, c, d;e\n"),
        ("a.csv", "point\tcounter\na, b\tc\n"),
        ("a.tsv", "point,counter\na,b\n"),
        ("a.csv", '"point, or so"|counter\na|b\n'),
    ],
)
def test_what_separates_cells_is_told_by_the_header(write_file, name, text):
    assert len(formats.read(write_file(name, text)).names) == 2


def test_empty_cells_beyond_the_header_are_nothing(write_file):
    assert formats.read(write_file("a.csv", "p,c\na,b,,\n")).rows == [(2, ["a", "b"])]


def test_names_are_given_to_a_file_without_a_header(write_file):
    table = formats.read(write_file("a.csv", "a, b, or c; d\nd;e\n"), ["point", "counter"])
    assert [cells for _, cells in table.rows] == [["a, b, or c", " d"], ["d", "e"]]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "p,c\na,b\nc\nd,e,f\n", "line 3: 1 cell, where the header has 2"),
        ("a.csv", "p,c\na,b,c\n", "line 2: 3 cells, where the header has 2.*comma in a cell"),
        ("a.tsv", "i\tp\tc\n1\ta\tb\n2\tto\nrn\td\n", "line 3: 2 cells, where the header has 3"),
        ("a.csv", 'p,c\n"a",b\nc,"d\n', "line 3, column 'c': a quote opens here and nothing"),
        ("a.csv", 'p,c\n"a" b,c\n', "line 2, column 'p': text follows the closing quote"),
        ("a.csv", '"p,c\na,b\n', "line 1, column '1': a quote opens here and nothing"),
        ("a.tsv", 'p\tc\n"x\ty\nv"\tw\n', "line 2: a quote opens here and closes on a later"),
        (
            "a.tsv",
            'p\tc\n"x\ny"\t"open\nc\t"d"\n',
            "line 3, column 'c': a quote opens here and does not close before another cell's on "
            "line 4",
        ),
    ],
)
def test_quotes_and_lines_that_do_not_add_up_are_refused_by_line(write_file, name, text, message):
    with pytest.raises(CorpusError, match=message):
        formats.read(write_file(name, text))


def test_the_names_that_are_given_must_be_as_many_as_the_cells(write_file):
    with pytest.raises(CorpusError, match="line 1: 2 cells, where --columns names 3"):
        formats.read(write_file("a.csv", "a,b\n"), ["point", "counter", ""])
