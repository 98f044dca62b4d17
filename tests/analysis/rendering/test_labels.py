from analysis.printable import short
from analysis.rendering.labels import point_count, wrapped


def test_a_number_of_points_is_one_or_a_span() -> None:
    assert point_count([1065.0, 1065.2]) == "1,065"
    assert point_count([40, 1065]) == "40–1,065"


def test_a_long_name_loses_its_middle() -> None:
    assert short("abcdefghij", 10) == "abcdefghij"
    assert short("abcdefghijk", 6) == "ab…ijk"
    assert short("a\x1b", 5) == "a\ufffd"


def test_a_name_breaks_after_its_first_comma() -> None:
    assert wrapped("with_relu, lr=1, epochs=2", 20) == "with_relu,\nlr=1, epochs=2"
