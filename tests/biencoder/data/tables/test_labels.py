import pytest

from biencoder.data.tables.labels import UnknownLabel, reason


@pytest.mark.parametrize("label", ["1", 1, 1.0, "1.0", True, "TRUE", " Attack ", "counter", "con"])
def test_these_judgements_make_pairs(label):
    assert reason(label, "label") is None


@pytest.mark.parametrize(
    ("label", "why"),
    [
        (0, "label 0"),
        ("0.0", "label 0"),
        (False, "label false"),
        ("Support", "support"),
        ("pro", "pro"),
        ("not-related", "not_related"),
        ("neutral", "neutral"),
    ],
)
def test_these_make_none_and_are_the_reason(label, why):
    assert reason(label, "label") == why


@pytest.mark.parametrize("label", [None, "", "2", 0.87, "-1", "maybe", "10"])
def test_any_other_is_not_guessed(label):
    with pytest.raises(UnknownLabel):
        reason(label, "label")
