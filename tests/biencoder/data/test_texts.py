import os

import pytest

from biencoder.data.texts import has_content, read_text, text_hash, text_key
from biencoder.errors import CorpusError


def test_a_pipe_in_the_place_of_a_text_is_named_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(CorpusError, match="a.txt: not a regular file"):
        read_text(tmp_path / "a.txt")


def test_texts_are_equal_but_for_composition_and_white_space():
    assert text_key(" cafe\u0301  \n noir ") == text_key("caf\u00e9 noir")
    assert text_key("a") != text_key("A")


def test_a_hash_is_the_same_on_every_machine():
    assert text_hash("a text") == text_hash("a text") != text_hash("another")
    assert -(2**63) <= text_hash("a text") < 2**63


@pytest.mark.parametrize("text", ["x", "7", "—", "👍", "对", "e\u0301", "\u200bx"])
def test_a_text_has_something_to_read(text):
    assert has_content(text)


@pytest.mark.parametrize(
    "text", ["", " \n\t", "\u200b\u200c\u200d\u2060\ufeff", "\u00ad", "\u0301"]
)
def test_white_space_and_characters_of_no_width_are_nothing_to_read(text):
    assert not has_content(text)
