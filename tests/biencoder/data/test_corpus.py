import tarfile

import pytest

from biencoder.data.corpus import load, unseen
from biencoder.errors import CorpusError


def pair(split, number, point, counter, debate="sport/running/pro"):
    stance = debate.rpartition("/")[2]
    stem = f"{split}/{debate}/{stance}{number:02}"
    return {f"{stem}a-point.txt": point, f"{stem}b-counter.txt": counter}


SMALL = {
    **pair("training", 1, "p1", "c1"),
    **pair("training", 2, "p2", "c2"),
    **pair("validation", 1, "p3", "c3"),
    **pair("test", 1, "p4", "c4"),
}


def test_a_point_pairs_with_the_counter_of_its_number(write_corpus):
    training = load(write_corpus(SMALL)).training
    assert training.pairs.to_dict("records") == [
        {
            "domain": "sport",
            "title": "running",
            "stance": "pro",
            "number": number,
            "point": f"p{number}",
            "counter": f"c{number}",
        }
        for number in (1, 2)
    ]


def test_a_point_without_a_counter_and_the_reverse_are_dropped_and_counted(write_corpus):
    lonely = {
        "training/sport/running/pro/pro07a-point.txt": "alone",
        "training/sport/running/con/con01b-counter.txt": "alone too",
    }
    training = load(write_corpus(SMALL | lonely)).training
    assert training.counts == {"pairs": 2, "incomplete": 2, "leaked": 0, "kept": 2}


def test_an_empty_file_makes_its_pair_incomplete(write_corpus):
    training = load(write_corpus(SMALL | pair("training", 3, " \n", "c9"))).training
    assert (len(training), training.incomplete) == (2, 1)


def test_stray_files_are_passed_over(write_corpus):
    stray = {
        "training/.DS_Store": b"\x00\xff",
        "training/sport/running/full.txt": "all of it",
        "training/sport/running/pro/notes.txt": "a note",
        "training/sport/running/pro/con05a-point.txt": "of the other stance",
        "validation/README": "words",
    }
    assert load(write_corpus(SMALL | stray)).training.counts["incomplete"] == 0


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
    assert load(root).training.counts == {"pairs": 4, "incomplete": 0, "leaked": 2, "kept": 2}
    assert load(root, leaked_pairs="keep").training.counts["kept"] == 4


def test_unseen_points_are_those_whose_pair_shares_no_text_with_training(write_corpus):
    corpus = load(write_corpus(SMALL | pair("validation", 2, "c2", "other")), "keep")
    assert list(unseen(corpus.validation, corpus.training)) == [True, False]


def test_links_are_not_followed(write_corpus):
    root = write_corpus(SMALL)
    (root / "training/sport/running/pro/loop").symlink_to(root)
    (root / "training/law").symlink_to(root / "training/sport")
    assert len(load(root).training) == 2


def test_a_byte_order_mark_is_no_part_of_the_text(write_corpus):
    files = SMALL | pair("training", 3, b"\xef\xbb\xbfmarked".decode("latin-1"), "c")
    files["training/sport/running/pro/pro03a-point.txt"] = b"\xef\xbb\xbfmarked"
    assert "marked" in load(write_corpus(files)).training.texts


def test_a_file_that_cannot_be_read_is_named(write_corpus, monkeypatch):
    root = write_corpus(SMALL)

    def refuse(path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    with pytest.raises(CorpusError, match=r"pro01a-point.txt: cannot be read \(Permission"):
        load(root)


def test_the_sample_corpus_is_large_varied_and_free_of_copies():
    corpus = load(None)
    debates = set()
    for split, at_least in zip(corpus.splits, (96, 32, 32), strict=True):
        assert split.counts == {
            "pairs": len(split),
            "incomplete": 0,
            "leaked": 0,
            "kept": len(split),
        }
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


def test_the_real_corpus_has_its_published_size_and_loses_its_leaked_pairs(shared, tmp_path):
    with tarfile.open(shared / "data" / "arguana-counterargs.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    corpus = load(tmp_path / "arguana-counterargs")
    assert [split.counts["pairs"] for split in corpus.splits] == [4065, 1287, 1401]
    assert corpus.training.counts["kept"] == 2796
