from types import SimpleNamespace

import numpy as np
import pytest
import torch
from handmade import CharTokenizer
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from biencoder.data.tokens import LONGEST_TOKEN, Tokens, group_tokens
from biencoder.errors import EncoderError


def test_a_batch_is_padded_to_its_longest_text_and_masked():
    tokens = Tokens(["abc", "a", "abcdef"], CharTokenizer(), max_length=4)
    ids, mask = tokens.batch(np.array([0, 1]), torch.device("cpu"))
    assert ids.shape == mask.shape == (2, 3)
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert ids[1, 1:].tolist() == [0, 0]
    assert tokens.lengths.tolist() == [3, 1, 4]


def test_the_digest_is_that_of_the_tokens_and_where_each_text_ends():
    def digest(*texts, max_length=4):
        return Tokens(texts, CharTokenizer(), max_length).digest()

    assert digest("abcde", "x") == digest("abcdf", "x")  # which are cut to the same tokens
    others = [("abcde",), ("x", "abcde"), ("abcd", "y"), ("abc", "dx")]
    assert digest("abcde", "x") not in [digest(*texts) for texts in others]
    assert digest("abcde", "x", max_length=5) != digest("abcdf", "x", max_length=5)


def test_truncation_is_counted_in_texts_in_tokens_and_in_texts_that_become_alike():
    tokens = Tokens(["abcdx", "abcdyz", "abcd", "a", "bc"], CharTokenizer(), max_length=4)
    assert tokens.truncation() == {
        "texts_cut": 2 / 5,
        "tokens_lost": pytest.approx(3 / 18),
        "texts_alike": 3,
    }
    whole = Tokens(["abc", "a"], CharTokenizer(), max_length=4).truncation()
    assert whole == {"texts_cut": 0, "tokens_lost": 0, "texts_alike": 0}


def test_what_no_token_could_reach_is_cut_off_before_tokenising(monkeypatch):
    seen = []

    class Spy(CharTokenizer):
        def __call__(self, texts, **settings):
            seen.extend(map(len, texts))
            return super().__call__(texts, **settings)

    tokens = Tokens(["a" * 10_000_000, "short"], Spy(), 8)
    assert max(seen) == 8 * LONGEST_TOKEN
    lost = tokens.truncation()["tokens_lost"]
    assert lost == pytest.approx(1 - 13 / 10_000_005, abs=1e-4)  # as if it went on as it began


def test_a_regular_expression_that_panics_is_one_line():
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("^(a|a|aa)+$"), "isolated")
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]")
    Tokens(["b"], fast, 8)
    with pytest.raises(EncoderError, match="tokenizer fails at these texts: Pan.*retry-limit"):
        Tokens(["a" * 40 + "b"], fast, 8)


def test_the_share_of_unknown_tokens_is_measured():
    tokenizer = CharTokenizer()
    tokenizer.unk_token_id = ord("a") % 40 + 1
    assert Tokens(["aab", "c"], tokenizer, 8).unknown() == 0.5
    assert Tokens(["aab", "c"], CharTokenizer(), 8).unknown() == 0


@pytest.mark.parametrize(
    ("gigabytes", "tokens"), [(6, 8_192), (24, 8_192), (40, 16_384), (85, 32_768)]
)
def test_the_groups_of_a_gpu_are_as_large_as_its_memory_allows(monkeypatch, gigabytes, tokens):
    memory = SimpleNamespace(total_memory=gigabytes * 10**9)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: memory)
    assert group_tokens(torch.device("cuda", 0)) == tokens


def test_a_group_without_padding_needs_no_mask():
    tokens = Tokens(["abc", "bcd", "a"], CharTokenizer(), max_length=4)
    assert tokens.batch(np.array([0, 1]), torch.device("cpu"))[1] is None
    assert tokens.batch(np.array([0, 2]), torch.device("cpu"))[1] is not None
