import pytest
from handmade import SMALL, pair

from biencoder.data.corpus import load
from biencoder.data.folder_tree import HIDDEN, LINK, MISNAMED, MISPLACED
from biencoder.errors import CorpusError

ELSEWHERE = "training/sport/running"


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


def test_blanks_around_a_folders_name_are_no_part_of_it(write_corpus):
    root = write_corpus(SMALL)
    expected = load(root).digest
    (root / "training" / "sport").rename(root / "training" / "sport ")
    assert load(root).digest == expected


def test_a_point_without_a_counter_and_the_reverse_are_dropped_and_counted(write_corpus):
    lonely = {
        "training/sport/running/pro/pro07a-point.txt": "alone",
        "training/sport/running/con/con01b-counter.txt": "alone too",
    }
    training = load(write_corpus(SMALL | lonely)).training
    assert (len(training), training.counts["incomplete"]) == (2, 2)
    assert training.dropped == {"counter missing": 1, "point missing": 1}


@pytest.mark.parametrize("empty", [" \n", "", "\u200b\u200d\ufeff", "\u00ad \u2060", "N/A\n"])
def test_a_text_without_a_character_to_read_is_missing(write_corpus, empty):
    files = SMALL | pair("training", 3, empty, "c9") | pair("training", 4, empty, empty)
    training = load(write_corpus(files)).training
    assert (len(training), training.dropped) == (2, {"point missing": 2})


def test_a_point_that_equals_its_counter_is_no_pair(write_corpus):
    files = SMALL | pair("training", 3, "a  text", "a text\n")
    training = load(write_corpus(files)).training
    assert (len(training), training.dropped) == (2, {"point equals counter": 1})


def test_stray_files_are_passed_over(write_corpus):
    stray = {
        "training/.DS_Store": b"\x00\xff",
        "training/sport/running/full.txt": "all of it",
        "training/sport/running/pro/notes.txt": "a note",
        "validation/README": "words",
    }
    assert load(write_corpus(SMALL | stray)).training.dropped == {}


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (f"{ELSEWHERE}/CON/con01a-point.txt", MISPLACED),
        (f"{ELSEWHERE}/pro/con05a-point.txt", MISPLACED),
        ("training/sport/pro/pro01a-point.txt", MISPLACED),
        (f"{ELSEWHERE}/pro/more/pro01a-point.txt", MISPLACED),
        (f"{ELSEWHERE}/pro/Pro09a-point.txt", MISNAMED),
        (f"{ELSEWHERE}/pro/pro09a_point.TXT", MISNAMED),
        (f"{ELSEWHERE}/pro/pro09-point.txt", MISNAMED),
        ("training/sport/.trash-copy/pro/pro01a-point.txt", HIDDEN),
        ("training/.sport/running/pro/pro01a-point.txt", HIDDEN),
        (f"{ELSEWHERE}/.old/con01a-point.txt", HIDDEN),
    ],
)
def test_what_looks_like_an_argument_and_is_not_read_is_counted_by_reason(
    write_corpus, file, reason
):
    training = load(write_corpus(SMALL | {file: "unread"})).training
    assert (len(training), training.dropped) == (2, {reason: 1})
    assert training.counts["incomplete"] == 0


def test_links_are_not_followed_but_counted(write_corpus):
    root = write_corpus(SMALL)
    (root / "training/sport/running/pro/loop").symlink_to(root)
    (root / "training/law").symlink_to(root / "training/sport")
    (root / "training/sport/running/pro/pro05a-point.txt").symlink_to(root / "absent")
    (root / "training/sport/running/pro/notes").symlink_to(root / "absent")
    training = load(root).training
    assert (len(training), training.dropped) == (2, {LINK: 3})


def test_files_that_were_taken_for_no_argument_are_named_where_there_is_no_other(write_corpus):
    files = {name.replace("/pro/", "/PRO/"): text for name, text in SMALL.items()}
    with pytest.raises(CorpusError, match=r"no argument found; .* \(not read: not in <domain>"):
        load(write_corpus(files))


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
