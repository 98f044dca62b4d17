from analysis.printable import printable


def test_control_characters_line_breaks_and_lone_surrogates_are_replaced() -> None:
    assert printable("a\x1b[2J\n\ud800对 b") == "a\ufffd[2J\ufffd\ufffd对 b"
