from pathlib import Path

import pytest
from handmade import SMALL

from biencoder.data import corpus, layouts
from biencoder.errors import CorpusError

OWN = "own-arguments"


@pytest.mark.parametrize(
    ("name", "columns", "pairs", "leaked", "dropped", "points", "counters"),
    [
        (
            "01_beir_arguana",
            None,
            (13, 3, 3),
            0,
            {"score 0": 1, "query missing": 1, "document missing": 1},
            17,
            19,
        ),
        ("02_conan_pairs.csv", None, 24, 0, {"duplicate": 2}, 14, 23),
        ("03_flag_lists.jsonl", None, 16, 0, {"counter missing": 3, "duplicate": 1}, 13, 16),
        ("04_triples_no_header.tsv", "point,counter,_", 7, 0, {"duplicate": 5}, 7, 7),
        (
            "05_tevatron_parquet",
            None,
            (13, 3, 3),
            1,
            {"point missing": 1, "counter missing": 2},
            17,
            18,
        ),
        (
            "07_relations.csv",
            None,
            12,
            0,
            {"support": 9, "unrelated": 1, "point missing": 1, "counter missing": 1},
            11,
            12,
        ),
    ],
)
def test_tables_as_people_keep_them_give_the_counts_of_another_reader(
    shared, name, columns, pairs, leaked, dropped, points, counters
):
    data = corpus.load(shared / OWN / name, "keep", columns)
    sizes = tuple(map(len, data.splits))
    assert sizes == pairs if isinstance(pairs, tuple) else sum(sizes) == pairs
    found: dict[str, int] = {}
    for split in data.splits:
        for reason, count in split.dropped.items():
            found[reason] = found.get(reason, 0) + count
    assert found == dropped
    keys = [split.keys for split in data.splits]
    assert len({point for split in keys for point in split["point"]}) == points
    assert len({counter for split in keys for counter in split["counter"]}) == counters
    assert corpus.load(shared / OWN / name, "drop", columns).training.leaked == leaked


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("04_triples_no_header.tsv", "line 1: no column is named like a point; the first line rea"),
        ("06_merged_cells.csv", "line 3, column 'Argument': empty, as in 12 of 18 rows; were cel"),
        ("08_unbalanced_quote.tsv", "line 10, column 'counter': a quote opens here .* on line 15"),
    ],
)
def test_tables_that_cannot_be_read_rightly_are_refused_by_line(shared, name, message):
    with pytest.raises(CorpusError, match=message):
        layouts.read(shared / OWN / name)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"pairs.csv": "p,c\n"}, "no file is named like a split .* did you mean .*pairs.csv"),
        ({"notes.md": "x"}, "no corpus there: neither tables named train, dev and test, nor qrels"),
        ({"test/x": ""}, "the folder training/ is missing"),
        ({"deep/training/x": ""}, "did you mean .*deep"),
    ],
)
def test_a_folder_that_is_no_corpus_says_what_is_meant(write_corpus, files, message):
    with pytest.raises(CorpusError, match=message):
        layouts.read(write_corpus(files))


def test_a_path_that_is_not_there_is_named():
    with pytest.raises(CorpusError, match="absent: no such file or folder"):
        layouts.read(Path("absent"))


def test_columns_are_of_tables_alone(write_corpus):
    with pytest.raises(CorpusError, match="--columns is for tables"):
        layouts.read(write_corpus(SMALL), "point=a,counter=b")


def test_test_alone_can_be_read_but_not_trained_on(write_corpus):
    root = write_corpus({"test.csv": "argument,counter\np,c\n"})
    data = corpus.load(root)
    assert [*map(len, data.splits)] == [0, 0, 1]
    with pytest.raises(CorpusError, match=r"corpus: no train.csv; .*no dev.csv; training takes"):
        corpus.check_complete(data)


def test_a_table_with_a_header_alone_is_named_as_empty(write_corpus):
    header = "argument,counter\n"
    root = write_corpus({"train.csv": header, "dev.csv": header + "a,b\n", "test.csv": header})
    assert [*corpus.load(root).absent.values()] == [
        f"{root}/train.csv: holds no pair",
        f"{root}/test.csv: holds no pair",
    ]


def test_a_table_without_a_pair_is_refused_with_the_reasons(write_corpus):
    root = write_corpus({"test.csv": "argument,counter\np,\n"})
    with pytest.raises(CorpusError, match="holds no pair; passed over: counter missing: 1"):
        corpus.load(root)
