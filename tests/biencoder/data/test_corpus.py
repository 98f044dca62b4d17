import subprocess
import sys
import tarfile

from handmade import SMALL, pair

from biencoder.data.corpus import load, unseen


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


def test_the_real_corpus_has_its_published_size_and_loses_its_leaked_pairs(shared, tmp_path):
    with tarfile.open(shared / "data" / "arguana-counterargs.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    corpus = load(tmp_path / "arguana-counterargs")
    assert [split.counts["pairs"] for split in corpus.splits] == [4065, 1287, 1401]
    assert corpus.training.counts["kept"] == 2796


def test_reading_a_corpus_loads_neither_torch_nor_scipy():
    program = (
        "import sys; from biencoder.data import corpus; corpus.load(None); "
        "sys.exit(bool({'torch', 'scipy'} & set(sys.modules)))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
