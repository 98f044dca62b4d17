"""What can be searched, and what is said of what cannot."""

import os

import polars as pl
import pytest

from biencoder.data import corpus, sources
from biencoder.errors import CorpusError

ROWS = {"id": ["a", "b"], "text": ["One, two\nthree.", "Four."], "more": [1, 2]}


def write(path, frame):
    kinds = {
        ".csv": frame.write_csv,
        ".tsv": lambda place: frame.write_csv(place, separator="\t"),
        ".jsonl": frame.write_ndjson,
        ".parquet": frame.write_parquet,
    }
    kinds[path.suffix](path)
    return path


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_a_table_is_read_by_the_names_of_its_columns(tmp_path, ending):
    path = write(tmp_path / f"texts{ending}", pl.DataFrame(ROWS).select("more", "text", "id"))
    assert sources.load(path) == sources.Texts(["a", "b"], ROWS["text"])


def test_rows_without_an_id_have_their_number_and_those_without_a_text_are_left_out_and_counted(
    tmp_path, capsys
):
    path = write(
        tmp_path / "texts.csv", pl.DataFrame({"text": ["One.", None, "  ", "Four."], "n": 1})
    )
    assert sources.load(path) == sources.Texts(["1", "4"], ["One.", "Four."])
    assert capsys.readouterr().err.endswith("texts.csv: left out 2 rows without a text\n")


def test_a_missing_value_is_no_text(tmp_path):
    table = pl.DataFrame({"text": ["nan", " N/A", "Real."]})
    assert sources.load(write(tmp_path / "texts.csv", table)) == sources.Texts(["3"], ["Real."])


def test_what_is_no_pair_of_a_corpus_is_counted(tmp_path, capsys):
    rows = [("One.", "Un.", "attack"), ("Two.", "Deux.", "support"), ("Three.", None, "attack")]
    table = pl.DataFrame(rows, schema=["claim", "reply", "relation"], orient="row")
    found = sources.load(write(tmp_path / "pairs.csv", table))
    assert sorted(found.texts) == ["One.", "Un."]
    said = capsys.readouterr().err
    assert "passed over: " in said
    assert "counter missing: 1" in said


def test_the_ids_of_a_beir_corpus_are_read(tmp_path):
    path = write(tmp_path / "corpus.jsonl", pl.DataFrame({"_id": [7], "text": ["One."]}))
    assert sources.load(path).ids == ["7"]


def test_a_name_is_written_as_in_every_other_table(tmp_path):
    table = pl.DataFrame({"id": [12.0, None, 7.0], "text": ["One.", "Two.", "Three."]})
    assert sources.load(write(tmp_path / "texts.parquet", table)).ids == ["12", "2", "7"]


def test_a_column_of_texts_goes_before_names_of_pairs(tmp_path):
    table = pl.DataFrame({"text": ["One."], "post": ["Two."], "comment": ["Three."]})
    assert sources.load(write(tmp_path / "texts.csv", table)).texts == ["One."]


def test_texts_may_stand_in_a_column_that_is_named_like_a_point(tmp_path):
    path = write(tmp_path / "texts.csv", pl.DataFrame({"n": [1], "Claim": ["One."]}))
    assert sources.table(path).texts == ["One."]
    doubled = pl.DataFrame({"claim": ["One."], "argument": ["Two."]})
    with pytest.raises(CorpusError, match="'claim' and 'argument' could each be the text"):
        sources.table(write(tmp_path / "doubled.csv", doubled))


def test_pairs_that_make_no_three_splits_can_be_searched(tmp_path):
    pairs = pl.DataFrame({"claim": 9 * ["One."], "rebuttal": [f"No {n}." for n in range(9)]})
    assert len(sources.load(write(tmp_path / "pairs.csv", pairs))) == 18


def test_a_folder_of_texts_is_read_in_order_without_hidden_files(tmp_path):
    for name in ("b.txt", "a/c.txt", ".hidden/d.txt", "e.md"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{name} says so", "utf-8")
    assert sources.load(tmp_path).ids == ["a/c.txt", "b.txt"]


def test_a_text_whose_name_is_not_utf8_is_named(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9.txt")).write_text("One.", "utf-8")
    with pytest.raises(CorpusError, match=r"caf.*\.txt.*: this name is not UTF-8; rename"):
        sources.load(tmp_path)


def test_a_table_whose_point_is_not_certain_is_refused_unless_it_has_texts(tmp_path):
    ambiguous = pl.DataFrame({"claim": ["A."], "argument": ["B."], "counter": ["C."]})
    with pytest.raises(CorpusError, match="'claim' and 'argument' could each be the point"):
        sources.load(write(tmp_path / "pairs.csv", ambiguous))
    texts = write(tmp_path / "texts.csv", ambiguous.with_columns(text=pl.lit("D.")))
    assert sources.load(texts).texts == ["D."]


def test_a_corpus_gives_every_counter_and_point_those_of_leaked_pairs_too(write_corpus):
    files = {
        f"{split}/sport/running/pro/pro01{part}.txt": text + part
        for split, text in (("training", "Same "), ("validation", "Same "), ("test", "Other "))
        for part in ("a-point", "b-counter")
    }
    files |= {"training/sport/running/pro/pro02a-point.txt": "Point."}
    files |= {"training/sport/running/pro/pro02b-counter.txt": "Counter."}
    texts = sources.load(write_corpus(files))
    assert texts.ids[0] == "training/sport/running/pro/01/counter"
    assert texts.texts.count("Same a-point") == texts.texts.count("Same b-counter") == 2


def test_without_a_source_the_sample_corpus_is_read():
    pairs = sum(len(split) for split in corpus.load(None, "keep").splits)
    assert len(sources.load(None)) == 2 * pairs


def test_the_digest_tells_other_texts_and_other_names():
    digests = {
        sources.Texts(ids, texts).digest
        for ids, texts in (
            (["a", "b"], ["x", "y"]),
            (["a", "b"], ["x", "z"]),
            (["a", "c"], ["x", "y"]),
            (["b", "a"], ["x", "y"]),
        )
    }
    assert len(digests) == 4


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        ("none.csv", None, "none.csv: no such file or folder"),
        ("a.csv", b"id,words\n1,One\n", "a table has it in a column text (here: id, words)"),
        ("a.parquet", b"PAR1", "a.parquet: a truncated or damaged Parquet file"),
        ("folder/a.md", b"One", "folder: nothing to search; name a table"),
        ("folder/a.txt", b"\xff", "a.txt: not UTF-8 at byte 0"),
        ("folder/a.txt", b" \n", "folder: holds no text"),
    ],
)  # fmt: skip
def test_what_cannot_be_searched_is_one_line(tmp_path, name, content, line):
    path = tmp_path / name
    if content is not None:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    with pytest.raises(CorpusError) as raised:
        sources.load(path.parent if path.parent != tmp_path else path)
    assert line in str(raised.value)
    assert "\n" not in str(raised.value)
