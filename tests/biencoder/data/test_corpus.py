import subprocess
import sys

import pandas as pd
import pytest
from handmade import SMALL, make_split, pair
from hypothesis import given
from hypothesis import strategies as st

from biencoder.data.corpus import Split, check_complete, load, unseen
from biencoder.errors import CorpusError


def test_pairs_come_sorted_by_domain_title_stance_and_number(write_corpus):
    files = {}
    for debate in ("z/a/pro", "a/z/pro", "a/b/con", "a/b/pro"):
        for number in (10, 9):
            files |= pair("training", number, f"{debate}{number}", f"c{debate}{number}", debate)
    points = load(write_corpus(SMALL | files)).training.pairs["point"]
    assert list(points)[:5] == ["a/b/con9", "a/b/con10", "a/b/pro9", "a/b/pro10", "a/z/pro9"]


def test_equal_texts_share_one_number(write_corpus):
    copies = pair("training", 3, "p1", "c1", "law/running/pro") | pair("training", 4, "c1", "p2")
    training = load(write_corpus(SMALL | copies)).training
    assert sorted(training.texts) == ["c1", "c2", "p1", "p2"]
    assert [training.texts[i] for i in training.point_ids] == list(training.pairs["point"])
    assert [training.texts[i] for i in training.counter_ids] == list(training.pairs["counter"])


def test_a_training_pair_with_one_text_in_validation_or_test_is_dropped(write_corpus):
    leaked = pair("training", 3, "p3", "new") | pair("training", 4, "fresh", "p4")
    root = write_corpus(SMALL | leaked)
    counts = load(root).training.counts
    assert {name: counts[name] for name in ("pairs", "leaked", "kept", "points")} == {
        "pairs": 4,
        "leaked": 2,
        "kept": 2,
        "points": 2,
    }
    assert load(root, leaked_pairs="keep").training.counts["kept"] == 4


def test_a_corpus_all_of_whose_training_pairs_leak_can_be_evaluated_and_not_trained_on(
    write_corpus,
):
    data = load(write_corpus(SMALL | pair("test", 1, "p1", "c2")))
    assert [len(split) for split in data.splits] == [0, 1, 1]
    assert (data.training.leaked, data.absent.keys()) == (2, {"training"})
    with pytest.raises(CorpusError, match=r"every training pair .* \(train --leaked_pairs=keep"):
        check_complete(data)


def test_unseen_points_are_those_whose_pair_shares_no_text_with_training(write_corpus):
    corpus = load(write_corpus(SMALL | pair("validation", 2, "c2", "other")), "keep")
    assert list(unseen(corpus.validation, corpus.training)) == [True, False]


def test_the_sample_corpus_is_large_varied_and_free_of_copies():
    corpus = load(None)
    debates = set()
    for split, at_least in zip(corpus.splits, (96, 32, 32), strict=True):
        assert (split.dropped, split.leaked) == ({}, 0)
        assert len(split) >= at_least
        assert len(split.texts) == 2 * len(split)
        assert set(split.pairs["stance"]) == {"pro", "con"}
        titles = set(zip(split.pairs["domain"], split.pairs["title"], strict=True))
        assert not debates & titles
        debates |= titles
    assert len(debates) >= 24
    assert len({domain for domain, _ in debates}) >= 4
    every_text = [text for split in corpus.splits for text in split.texts]
    assert len(set(every_text)) == len(every_text)


def test_the_real_corpus_has_its_published_size_and_loses_its_leaked_pairs(real_corpus):
    corpus = load(real_corpus)
    assert [split.counts["pairs"] for split in corpus.splits] == [4065, 1287, 1401]
    assert corpus.training.counts["kept"] == 2796


def test_reading_a_corpus_loads_neither_torch_nor_scipy():
    program = (
        "import sys; from biencoder.data import corpus; corpus.load(None); "
        "sys.exit(bool({'torch', 'scipy'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def in_debates(*pairs):
    """A split of pairs: (domain, title, point, counter)."""
    frame = pd.DataFrame(pairs, columns=["domain", "title", "point", "counter"])
    frame["stance"], frame["number"] = "pro", range(1, len(frame) + 1)
    return Split("test", frame)


def test_pairs_of_one_debate_are_one_cluster():
    assert make_split([("p1", "c1"), ("p2", "c2")]).clusters.tolist() == [0, 0]


def test_a_title_counts_in_whatever_domain_it_is_filed():
    split = in_debates(("sport", "running", "p1", "c1"), ("health", "running", "p2", "c2"))
    assert split.clusters.tolist() == [0, 0]


def test_an_equal_text_links_two_debates_in_whichever_role_and_through_others():
    split = in_debates(
        ("a", "one", "p1", "c1"), ("a", "two", "p2", "c2"), ("a", "three", "c2", "p1"),
        ("a", "four", "p4", "c4"),
    )  # fmt: skip
    assert split.clusters.tolist() == [0, 0, 0, 1]


@given(st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=1, max_size=20))
def test_clusters_are_those_that_a_plain_loop_merges(numbers):
    pairs = [("any", f"title {t}", f"text {p}", f"text {c}") for t, p, c in numbers]
    merged = list(range(len(pairs)))
    for i, (_, title, *texts) in enumerate(pairs):
        for j, (_, other, *others) in enumerate(pairs[:i]):
            if title == other or set(texts) & set(others):
                merged = [merged[j] if label == merged[i] else label for label in merged]
    found = in_debates(*pairs).clusters.tolist()
    assert [a == b for a in found for b in found] == [a == b for a in merged for b in merged]


def test_the_real_corpus_has_164_and_175_clusters(real_corpus):
    data = load(real_corpus, "drop")
    found = [len(set(split.clusters.tolist())) for split in (data.validation, data.test)]
    assert found == [164, 175]
    assert [split.pairs["title"].nunique() for split in (data.validation, data.test)] == [178, 183]


def test_a_debate_that_is_not_told_links_nothing():
    split = in_debates(("-", "-", "p1", "c1"), ("-", "-", "p2", "c2"), ("-", "-", "p3", "c1"))
    labels = split.clusters
    assert labels[0] == labels[2] != labels[1]
