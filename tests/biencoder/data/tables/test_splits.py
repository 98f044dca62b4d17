import random
from collections import Counter, defaultdict

import pytest

from biencoder.data.tables import splits


@pytest.mark.parametrize(
    ("word", "split"),
    [
        ("train", "training"),
        ("Training", "training"),
        ("train-00000-of-00001.parquet", "training"),
        ("dev", "validation"),
        ("valid", "validation"),
        ("validation.csv", "validation"),
        ("VAL_2", "validation"),
        ("test.jsonl.gz", "test"),
        ("trainer", None),
        ("device", None),
        ("value.csv", None),
        ("testimony.csv", None),
        ("", None),
    ],
)
def test_a_word_means_a_split(word, split):
    assert splits.of_word(word) == split


def many(seed=0, points=1000):
    """Pairs of points with 1 to 50 counters, some of which two points share."""
    rng = random.Random(seed)
    return [
        (f"point {p}", f"counter {rng.randrange(4000) if rng.random() < 0.05 else (p, c)}")
        for p in range(points)
        for c in range(rng.choice([1, 1, 1, 2, 5, 50]))
    ]


def made(rows, titles=None):
    return splits.made(titles or ["-"] * len(rows), *zip(*rows, strict=True))


def test_splits_are_80_10_10_and_no_text_stands_in_two():
    rows = many()
    found, said = made(rows)
    sizes = Counter(found)
    assert sizes["validation"] / len(rows) == pytest.approx(0.1, abs=0.01)
    assert sizes["test"] / len(rows) == pytest.approx(0.1, abs=0.01)
    places = defaultdict(set)
    for row, split in zip(rows, found, strict=True):
        for text in row:
            places[text].add(split)
    assert {len(where) for where in places.values()} == {1}
    assert said.startswith("no split is given: made by groups of equal texts")


def test_points_of_many_counters_are_in_every_split():
    rows = many()
    counters = Counter(point for point, _ in rows)
    most = defaultdict(int)
    for (point, _), split in zip(rows, made(rows)[0], strict=True):
        most[split] = max(most[split], counters[point])
    assert min(most.values()) == 50


def test_debates_stay_whole_where_they_are_told():
    rows = [(f"p{n}", f"c{n}") for n in range(200)]
    titles = [str(n % 40) for n in range(200)]
    found, said = made(rows, titles)
    assert len({*zip(titles, found, strict=True)}) == 40
    assert {*found} == {"training", "validation", "test"}
    assert "by debate and equal texts (40 groups), 160 / 20 / 20 pairs" in said


def test_debates_stay_whole_though_some_pairs_tell_none():
    rows = [(f"p{n}", f"c{n}") for n in range(200)]
    titles = [str(n % 20) if n % 5 else "-" for n in range(200)]
    found, said = made(rows, titles)
    told = {(title, split) for title, split in zip(titles, found, strict=True) if title != "-"}
    assert len(told) == 16
    assert "by debate and equal texts (56 groups)" in said


def test_a_counter_that_is_a_point_elsewhere_connects_no_debates():
    rows = [(f"p{n}", f"p{n ^ 1}") for n in range(200)] + [(f"q{n}", f"p{n}") for n in range(50)]
    titles = [str(n // 2) for n in (*range(200), *range(50))]
    for order in (1, -1):
        said = made(rows[::order], titles[::order])[1]
        assert "by debate and equal texts (100 groups)" in said


def test_debates_that_are_too_large_are_parted_by_texts_and_that_is_said():
    rows = [(f"p{n}", f"c{n}") for n in range(100)]
    found, said = made(rows, ["a"] * 60 + ["b"] * 40)
    assert Counter(found) == {"training": 80, "validation": 10, "test": 10}
    assert "made by groups of equal texts (100 groups)" in said


def test_a_split_depends_on_the_texts_not_on_the_order_of_rows():
    rows = many(points=200)
    shuffled = rows[:]
    random.Random(1).shuffle(shuffled)
    assert dict(zip(rows, made(rows)[0], strict=True)) == dict(
        zip(shuffled, made(shuffled)[0], strict=True)
    )


def test_a_few_pairs_are_enough_for_three_splits():
    assert Counter(made([("a", "b"), ("c", "d"), ("e", "f"), ("g", "h")])[0]) == {
        "training": 2,
        "validation": 1,
        "test": 1,
    }


def test_pairs_that_hang_together_cannot_be_shared_out():
    found, said = made([("a", f"c{n}") for n in range(9)])
    assert found == 9 * ["training"]
    assert said.startswith("9 pairs in 1 group of equal texts cannot be shared out to training,")
