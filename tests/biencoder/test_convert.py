"""What `biencoder convert` prints."""

from functools import partial

import pytest

from biencoder.__main__ import main


@pytest.fixture
def convert(call):
    """A function that runs `biencoder convert`: (exit status, standard output, error)."""
    return partial(call, main, "convert")


def test_what_was_read_and_written_is_told(convert, tmp_path):
    own = tmp_path / "own.jsonl"
    own.write_text('{"query": "p", "pos": ["c", "c"], "split": "test", "neg": ["n"]}\n', "utf-8")
    status, printed, _ = convert(f"--from={own}", f"--to={tmp_path / 'out.csv'}")
    assert status == 0
    assert printed.splitlines()[:-1] == [
        "columns: point 'query', counter 'pos', split 'split'",
        "own.jsonl: 1 cell of 'neg' is not used, since training mines its own negatives",
        "training: 0 pairs",
        "validation: 0 pairs",
        "test: 1 pair; passed over: duplicate: 1",
    ]
    assert (tmp_path / "out.csv").read_text("utf-8").splitlines()[1] == '"test",1,"p","c"'


def test_the_end_of_a_tables_name_decides_in_capitals_too(convert, tmp_path):
    for name in ("out.TSV.GZ", "out.tsv.gz"):
        assert convert(f"--to={tmp_path / name}")[0] == 0
    assert (tmp_path / "out.TSV.GZ").read_bytes() == (tmp_path / "out.tsv.gz").read_bytes()


@pytest.mark.parametrize(
    ("flags", "status", "line"),
    [
        (["--to=folder"], 2, "folder needs --layout=beir or folder_tree"),
        (["--to=csv"], 2, "folder needs --layout=beir or folder_tree"),
        (["--to=a.parquet.gz"], 2, "leave out .gz"),
        (["--to=a.parquet", "--layout=csv"], 2, "--layout=csv: "),
        (["--from=", "--to=a.csv"], 2, "--from is empty"),
        (["--from=absent", "--to=a.csv"], 1, "absent: no such file or folder"),
        (["--to=a.csv", "--columns=point"], 2, "--columns=point does not fit"),
        ([], 2, "--to is needed"),
    ],
)
def test_wrong_use_is_one_line(convert, flags, status, line):
    code, _, printed = convert(*flags)
    assert code == status
    assert line in printed
    assert printed.count("\n") == 1
