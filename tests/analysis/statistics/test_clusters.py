"""`analysis.statistics.clusters`: queries that share a debate or a text."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.statistics.clusters import clusters

PUBLISHED = Path(__file__).with_name("published_runs.npz")


def test_queries_of_one_title_are_one_cluster():
    assert clusters(["ban zoos", "tax sugar", "ban zoos"]).tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    "texts",
    [
        ([7, 8, 7], [1, 2, 3]),
        ([1, 2, 3], [7, 8, 7]),
        ([7, 2, 3], [1, 8, 7]),  # a point here, a counter there
    ],
)
def test_debates_that_share_a_text_are_one_cluster(texts):
    assert clusters(["ban zoos", "tax sugar", "close zoos"], *texts).tolist() == [0, 1, 0]


def test_queries_are_linked_through_others():
    points, counters = ["p", "q", "q", "s"], ["t", "u", "v", "v"]
    assert clusters(["a", "b", "c", "d"], points, counters).tolist() == [0, 1, 1, 1]


def test_a_title_is_no_text():
    assert clusters([1, 2], [2, 3], [4, 5]).tolist() == [0, 1]


def test_no_queries_are_no_clusters():
    assert clusters([]).tolist() == clusters([], [], []).tolist() == []


keys = st.lists(st.tuples(*[st.integers(0, 12)] * 3), min_size=1, max_size=30)


@given(keys)
def test_clusters_are_those_that_a_plain_loop_merges(queries):
    titles, points, counters = zip(*queries, strict=True)
    merged = list(range(len(queries)))
    for i, (title, *texts) in enumerate(queries):
        for j, (other, *others) in enumerate(queries[:i]):
            if title == other or set(texts) & set(others):
                merged = [merged[j] if label == merged[i] else label for label in merged]
    found = clusters(titles, points, counters)
    assert set(found) == set(range(len(set(merged))))
    assert [a == b for a in found for b in found] == [a == b for a in merged for b in merged]


@pytest.mark.parametrize(
    ("split", "by_title", "by_text_too"), [("validation", 178, 164), ("test", 183, 175)]
)
def test_titles_alone_miss_debates_of_the_corpus_that_share_arguments(split, by_title, by_text_too):
    with np.load(PUBLISHED) as published:
        titles, points, counters = published[f"{split}_texts"]
    assert len(set(clusters(titles))) == by_title
    assert len(set(clusters(titles, points, counters))) == by_text_too
