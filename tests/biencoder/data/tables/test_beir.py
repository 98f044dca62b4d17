import pytest

from biencoder.data.tables import beir
from biencoder.errors import CorpusError

QUERIES = (
    '{"_id": "a", "text": "p1", "metadata": {"debate": "d", "number": 3}}\n{"_id": 7, "text": "p2"}'
)
DOCUMENTS = '{"_id": "x", "title": "T", "text": "c1"}\n{"_id": "y", "text": "c2"}'
JUDGED = "query-id\tcorpus-id\tscore\na\tx\t1\n7\ty\t1.0\na\ty\t0\nb\tx\t1\n7\tz\t2\n"


@pytest.fixture
def write_beir(write_file):
    """A function that writes queries, documents and judgements, and returns their folder."""

    def write(judged=JUDGED, name="train.tsv", queries=QUERIES, documents=DOCUMENTS):
        write_file("b/queries.jsonl", queries)
        write_file("b/corpus.jsonl", documents)
        return write_file(f"b/qrels/{name}", judged).parents[1]

    return write


def test_a_judgement_connects_the_texts_of_a_query_and_a_document(write_beir):
    found = beir.read(write_beir().resolve())
    rows = found.rows.filter(found.rows["reason"].is_null())
    assert rows.select("split", "title", "number", "point", "counter").rows() == [
        ("training", "d", "3", "p1", "c1"),
        ("training", "-", "7", "p2", "c2"),
    ]


def test_metadata_tells_only_what_is_one_text_or_number(write_beir):
    queries = (
        '{"_id": "a", "text": "p", "metadata": {"domain": ["x"], "debate": "d", "stance": {}}}'
    )
    found = beir.read(write_beir("query-id\tcorpus-id\tscore\na\tx\t1\n", queries=queries))
    assert found.rows.select("domain", "title", "stance").rows() == [("-", "d", "-")]


def test_what_is_no_pair_is_counted_by_reason(write_beir):
    reasons = beir.read(write_beir()).rows["reason"].drop_nulls().to_list()
    assert reasons == ["score 0", "query missing", "document missing"]


def test_a_split_without_judgements_is_missed_by_the_name_it_would_have(write_beir):
    found = beir.read(write_beir(name="train.v2.tsv"))
    assert found.absent["validation"].endswith("qrels: no dev.tsv")


def test_judgements_may_be_json_lines_and_of_test_alone(write_beir):
    found = beir.read(
        write_beir('{"query-id": "a", "corpus-id": "x", "score": 1}\n', name="test.jsonl")
    )
    assert found.rows["split"].to_list() == ["test"]
    assert found.absent["training"].endswith("qrels: no train.jsonl")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"judged": "a\tx\t1\n"}, "train.tsv, line 1: no 'query-id'"),
        ({"judged": JUDGED.replace("a\tx\t1", "a\tx\thigh")}, "line 2, column 'score': 'high'"),
        (
            {"judged": '{"query-id": ["a"], "corpus-id": "x", "score": 1}', "name": "train.jsonl"},
            "train.jsonl, line 1, column 'query-id': a list where a text or a number is expected",
        ),
        ({"judged": JUDGED + "b\tx\t1\nb\ty\t1\n"}, "3 of 7 judgements have their query and"),
        ({"queries": QUERIES.replace("7", '"a"')}, "queries.jsonl, line 2, .* 'a' stands in an ea"),
        ({"documents": '{"text": "c"}'}, "corpus.jsonl, line 1: no '_id'"),
        ({"name": "other.tsv"}, "qrels: no train.tsv, dev.tsv or test.tsv"),
    ],
)
def test_what_cannot_be_resolved_is_refused(write_beir, change, message):
    with pytest.raises(CorpusError, match=message):
        beir.read(write_beir(**change))


def test_a_part_of_the_layout_that_lacks_is_named(write_beir):
    folder = write_beir()
    (folder / "corpus.jsonl").unlink()
    with pytest.raises(CorpusError, match="no corpus.jsonl"):
        beir.read(folder)
