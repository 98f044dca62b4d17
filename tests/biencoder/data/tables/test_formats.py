import gzip

import polars as pl
import pytest

from biencoder.data.tables import formats
from biencoder.errors import CorpusError


def test_cells_of_json_lines_are_found_by_name_whatever_their_order(write_file):
    table = formats.read(write_file("a.jsonl", '{"a": 1, "b": "x"}\n\n{"b": ["y"], "c": null}\n'))
    assert table.names == ("a", "b", "c")
    assert table.rows == [(1, [1, "x", None]), (3, [None, ["y"], None])]


def test_a_line_separator_in_a_text_ends_no_line_of_json(write_file):
    table = formats.read(write_file("a.jsonl", '{"a": "one\u2028two"}\n'))
    assert table.rows == [(1, ["one\u2028two"])]


def test_rows_of_parquet_keep_lists_of_objects(tmp_path):
    path = tmp_path / "a.parquet"
    pl.DataFrame({"id": [7], "pos": [[{"docid": "1", "text": "x"}]]}).write_parquet(path)
    table = formats.read(path)
    assert (table.names, table.unit) == (("id", "pos"), "row")
    assert table.rows == [(1, [7, [{"docid": "1", "text": "x"}]])]


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", "p,c\n1,2\n"), ("a.tsv", "p\tc\n1\t2\n"), ("a.jsonl", '{"p": "1", "c": "2"}')],
)
def test_a_zipped_file_reads_as_the_file_itself(write_file, name, content):
    plain = formats.read(write_file(name, content))
    zipped = formats.read(write_file(f"{name}.gz", gzip.compress(content.encode())))
    assert (plain.names, plain.rows) == (zipped.names, zipped.rows)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xlsx", "x", "not a table file"),
        ("a.csv", "", "the file is empty"),
        ("a.csv", " \n\n", "the file is empty"),
        ("a.csv", "\ufeff", "the file is empty"),
        ("a.csv", "\u00a0\n", "the file is empty"),
        ("a.csv", ",,,\n", "the file is empty"),
        ("a.tsv", "\t\u00a0\n", "the file is empty"),
        ("a.csv", b"point,counter\nx,caf\xe9\n", r"line 2: not UTF-8 at byte 19 .* iconv"),
        ("a.csv", "p,c\n".encode("utf-16"), "line 1: .*looks like UTF-16: iconv"),
        ("a.csv", "version https://git-lfs.github.com/spec/v1\n", "run git lfs pull"),
        ("a.csv.gz", b"no gzip", "a truncated or damaged gzip file"),
        (
            "a.csv.gz",
            gzip.compress(b"a,b\n" * 99, mtime=0)[:-9],
            "a truncated or damaged gzip file",
        ),
        ("a.parquet", b"PAR1....PAR1", "a truncated or damaged Parquet file"),
        (
            "a.jsonl",
            '{"p": "x"}\n{"p": "y',
            r"line 2, character \d+: not a JSON object in",
        ),
        ("a.jsonl", '{"p": ' + "[" * 100_000, "line 1, character 1: not a JSON object in"),
        ("a.jsonl", '"p"\n', "line 1: a str where an object"),
        ("a.jsonl", '["a", "b"]\n', r"line 1: a list where an object .*jq -c"),
        ("a.json", '[\n{"p": "x"}\n]\n', "line 1, .*a JSON array.*jq -c"),
        ("a.jsonl", '{"p": "x"}\n{"p": "x", "p": "y"}\n', "line 2, .*'p' stands twice"),
        ("a.jsonl", '{"p": "\\ud800"}\n', "line 1: holds half of a character"),
    ],
)
def test_what_cannot_be_read_is_refused_by_file_and_line(write_file, name, content, message):
    path = write_file(name, content)
    with pytest.raises(CorpusError, match=message) as refused:
        formats.read(path)
    assert str(refused.value).startswith(str(path))


def test_names_are_given_only_to_files_without_any(write_file):
    with pytest.raises(CorpusError, match="columns have names already"):
        formats.read(write_file("a.jsonl", "{}"), ["point", "counter"])
