import tarfile

import pandas as pd
from handmade import make_split
from hypothesis import given
from hypothesis import strategies as st

from biencoder.data import corpus
from biencoder.data.clusters import clusters
from biencoder.data.corpus import Split


def in_debates(*pairs):
    """A split of pairs: (domain, title, point, counter)."""
    frame = pd.DataFrame(pairs, columns=["domain", "title", "point", "counter"])
    frame["stance"], frame["number"] = "pro", range(1, len(frame) + 1)
    return Split("test", frame)


def test_pairs_of_one_debate_are_one_cluster():
    assert clusters(make_split([("p1", "c1"), ("p2", "c2")])).tolist() == [0, 0]


def test_a_title_counts_in_whatever_domain_it_is_filed():
    split = in_debates(("sport", "running", "p1", "c1"), ("health", "running", "p2", "c2"))
    assert clusters(split).tolist() == [0, 0]


def test_an_equal_text_links_two_debates_in_whichever_role_and_through_others():
    split = in_debates(
        ("a", "one", "p1", "c1"), ("a", "two", "p2", "c2"), ("a", "three", "c2", "p1"),
        ("a", "four", "p4", "c4"),
    )  # fmt: skip
    assert clusters(split).tolist() == [0, 0, 0, 1]


@given(st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=1, max_size=20))
def test_clusters_are_those_that_a_plain_loop_merges(numbers):
    pairs = [("any", f"title {t}", f"text {p}", f"text {c}") for t, p, c in numbers]
    merged = list(range(len(pairs)))
    for i, (_, title, *texts) in enumerate(pairs):
        for j, (_, other, *others) in enumerate(pairs[:i]):
            if title == other or set(texts) & set(others):
                merged = [merged[j] if label == merged[i] else label for label in merged]
    found = clusters(in_debates(*pairs)).tolist()
    assert [a == b for a in found for b in found] == [a == b for a in merged for b in merged]


def test_the_real_corpus_has_164_and_175_clusters(shared, tmp_path):
    with tarfile.open(shared / "data" / "arguana-counterargs.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    data = corpus.load(tmp_path / "arguana-counterargs", "drop")
    found = [len(set(clusters(split).tolist())) for split in (data.validation, data.test)]
    assert found == [164, 175]
    assert [split.pairs["title"].nunique() for split in (data.validation, data.test)] == [178, 183]


def test_a_debate_that_is_not_told_links_nothing():
    split = in_debates(("-", "-", "p1", "c1"), ("-", "-", "p2", "c2"), ("-", "-", "p3", "c1"))
    labels = clusters(split)
    assert labels[0] == labels[2] != labels[1]
