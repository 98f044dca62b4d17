import pytest

from biencoder.data import corpus
from biencoder.data.corpus import load
from biencoder.errors import CorpusError
from biencoder.storage import corpus_files

PLACES = {
    "csv": ["a.csv", "a.csv.gz"],
    "tsv": ["a.tsv"],
    "jsonl": ["a.jsonl", "a.jsonl.gz"],
    "parquet": ["a.parquet"],
    "beir": ["beir"],
    "folder_tree": ["tree"],
}

#: Texts that a careless writer or reader would change; the last one stands in two debates.
STRANGE = (
    'training,sport,run,pro,1,"a,""b""\nc",\'d;\te\n'
    'training,sport,run,con,1,"""q""","[deleted]"\n'
    "training,law,a/b,pro,2,x\u2028y,=1+1\n"
    "training,law,a/b,pro,100,same,again\n"
    "training,art,run,pro,1,same,again\n"
    "validation,,run,pro,1,v,w\n"
    "test,sport,run,,1,t,u\n"
)


@pytest.fixture
def strange(tmp_path):
    path = tmp_path / "strange.csv"
    path.write_text("split,domain,debate,stance,number,point,counter\n" + STRANGE, "utf-8")
    return path


def pairs_of(data):
    return [split.pairs.to_dict("records") for split in data.splits]


@pytest.mark.parametrize(("layout", "name"), [(a, b) for a, names in PLACES.items() for b in names])
@pytest.mark.parametrize("source", ["sample", "strange"])
def test_what_is_written_reads_as_the_same_pairs(tmp_path, strange, layout, name, source):
    data = load(None if source == "sample" else strange, "keep")
    corpus_files.write(data, tmp_path / name, layout)
    again = load(tmp_path / name, "keep")
    assert again.digest == data.digest
    if layout != "folder_tree":  # whose folders' names hold no '/'
        assert pairs_of(again) == pairs_of(data)


@pytest.mark.parametrize("letter", ["q", ""])
@pytest.mark.parametrize("layout", [layout for layout in PLACES if layout != "folder_tree"])
def test_ids_and_splits_that_were_made_are_kept(tmp_path, layout, letter):
    path = tmp_path / "own.csv"
    rows = "".join(f"{letter}{number // 2},p{number // 2},c{number}\n" for number in range(20))
    path.write_text("id,argument,counter\n" + rows)
    data = load(path, "keep")
    name = PLACES[layout][0]
    corpus_files.write(data, tmp_path / name, layout)
    again = load(tmp_path / name, "keep")
    assert again.digest == data.digest
    assert pairs_of(again) == pairs_of(data)


def test_a_folder_tree_numbers_pairs_that_have_ids(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("id,argument,counter\n" + "".join(f"q{n},p{n},c{n}\n" for n in range(10)))
    data = load(path, "keep")
    corpus_files.write(data, tmp_path / "tree", "folder_tree")
    again = load(tmp_path / "tree", "keep")
    assert again.training.pairs["number"].tolist() == [*range(1, 9)]
    texts = ["point", "counter"]
    assert again.training.pairs[texts].equals(data.training.pairs[texts])


def test_a_folder_tree_of_a_corpus_without_one_of_the_splits_is_not_begun(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("split,argument,counter\ntrain,p,c\n")
    with pytest.raises(CorpusError, match="validation has no pair, and a folder tree needs all"):
        corpus_files.write(load(path, "keep"), tmp_path / "tree", "folder_tree")
    assert not (tmp_path / "tree").exists()


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "a.csv").write_text("mine")
    with pytest.raises(CorpusError, match="a.csv: exists already"):
        corpus_files.write(corpus.load(None), tmp_path / "a.csv", "csv")
    assert (tmp_path / "a.csv").read_text() == "mine"


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("stance", "unsure", "'unsure': a folder tree allows only pro and con"),
        ("title", ".x", "not a name"),
    ],
)
def test_a_folder_tree_that_cannot_hold_a_pair_is_not_begun(tmp_path, column, value, message):
    data = load(None)
    data.test.pairs[column] = value
    with pytest.raises(CorpusError, match=message):
        corpus_files.write(data, tmp_path / "tree", "folder_tree")
    assert [*tmp_path.iterdir()] == []
