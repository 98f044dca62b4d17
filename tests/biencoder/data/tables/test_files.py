import gzip

import pytest

from biencoder.data.tables import files
from biencoder.data.tables.columns import Choice
from biencoder.errors import CorpusError

HEADER = "argument,counter\n"


def splits_of(found):
    return found.rows.filter(found.rows["reason"].is_null())["split"].to_list()


def test_a_file_a_split_is_read_by_its_name(write_file):
    for name in ("train.csv", "dev.csv", "test.csv"):
        path = write_file(f"data/{name}", HEADER + f"p {name},c {name}\n")
    write_file("README.csv", "nothing\n")
    found = files.read_folder(path.parents[1], Choice())
    assert sorted(splits_of(found)) == ["test", "training", "validation"]


def test_a_column_says_the_split_in_a_single_file(write_file):
    path = write_file("all.csv", "argument,counter,Set\np,c,train\nq,d,DEV\nr,e,test\n")
    found = files.read_file(path, Choice())
    assert splits_of(found) == ["training", "validation", "test"]


@pytest.mark.parametrize("name", ["train.csv.gz", "train.v2.csv.gz"])
def test_a_split_without_a_file_is_missed_by_the_name_it_would_have(write_file, name):
    path = write_file(name, gzip.compress(HEADER.encode() + b"p,c\n"))
    absent = files.read_folder(path.parent, Choice()).absent
    assert absent["validation"] == f"{path.parent}: no dev.csv.gz"


def test_pairs_that_cannot_be_shared_out_are_read_and_the_splits_without_one_say_why(write_file):
    rows = "".join(f"p,c{number}\n" for number in range(9))
    found = files.read_file(path := write_file("a.csv", HEADER + rows), Choice())
    assert splits_of(found) == 9 * ["training"]
    assert found.absent["test"].startswith(f"{path}: 9 pairs in 1 group of equal texts cannot")


def test_the_parts_of_a_file_are_one_and_must_all_be_there(write_file):
    path = write_file("train-00000-of-00002.csv", HEADER + "p,c\n")
    with pytest.raises(CorpusError, match="one of 2 parts, of which 1 are there"):
        files.read_folder(path.parent, Choice())
    write_file("train-00001-of-00002.csv", HEADER + "q,d\n")
    assert splits_of(files.read_folder(path.parent, Choice())) == ["training"] * 2


def test_two_files_of_one_split_are_refused(write_file):
    write_file("train.csv", HEADER)
    path = write_file("training.tsv", HEADER)
    with pytest.raises(CorpusError, match="train.csv and training.tsv are both of split training"):
        files.read_folder(path.parent, Choice())


def test_what_is_used_and_what_is_not_is_said(write_file):
    path = write_file(
        "a.jsonl",
        '{"query": "p", "pos": "c", "neg": ["n"], "prompt": "x", "split": "train"}\n'
        '{"query": "q", "pos": "d", "neg": [], "split": "train"}\n',
    )
    assert files.read_file(path, Choice()).notes == (
        "columns: point 'query', counter 'pos', split 'split'",
        "a.jsonl: 1 cell of 'neg' is not used, since training mines its own negatives",
        "columns that are not used: 'prompt'",
    )
