"""Names the four variants under comparison, and reads a variant from a legacy file name."""

import re
from typing import NamedTuple


class Variant(NamedTuple):
    """LayerNorm on the two vectors that leave the encoder; ReLU on the pair head's features."""

    layernorm: bool
    relu: bool


#: Canonical name → switches. `without_layernorm_relu` is the baseline.
VARIANTS = {
    "with_layernorm_relu": Variant(layernorm=True, relu=True),
    "with_layernorm": Variant(layernorm=True, relu=False),
    "with_relu": Variant(layernorm=False, relu=True),
    "without_layernorm_relu": Variant(layernorm=False, relu=False),
}

#: Second names, which tables and plots never show.
ALIASES = {"without_relu": "with_layernorm", "without_layernorm": "with_relu"}

#: Words of a file name that say something, and what they say.
PREPOSITIONS = {"with": True, "without": False}
FEATURES = ("layernorm", "relu")
CONNECTORS = ("and", "or")
DECAY_MARKS = ("negatives", "negative", "decay")


def canonical_name(variant: Variant) -> str:
    """Return the one name under which tables and plots show this pair of switches."""
    return next(name for name, switches in VARIANTS.items() if switches == variant)


def variant_of_name(name: str) -> Variant | None:
    """Read the variant that a file name spells; None where it does not say or contradicts itself.

    'with' and 'without', spelled freely, govern the features that follow them directly. A name
    that speaks of one feature alone is read as the table of variants has it: `with_layernorm` is
    without ReLU, `without_relu` with LayerNorm. A feature that no preposition governs leaves the
    whole name unknown: better no variant than a wrong one.
    """
    switches: dict[str, bool] = {}
    governing: bool | None = None
    for word in _words(name):
        meaning = _closest_word(word, (*PREPOSITIONS, *FEATURES, *CONNECTORS))
        if meaning in PREPOSITIONS:
            governing = PREPOSITIONS[meaning]
        elif meaning in FEATURES:
            if governing is None or switches.get(meaning, governing) != governing:
                return None
            switches[meaning] = governing
        elif meaning is None:
            governing = None
    if not switches:
        return None
    silent = not next(iter(switches.values()))
    return Variant(*(switches.get(feature, silent) for feature in FEATURES))


def decay_of_name(name: str) -> float | None:
    """Read from a file name how much the share of hard negatives falls each epoch.

    It is the decimal number below 1 that follows '…negatives' or 'decay'; None where there is none.
    """
    words = _words(name)
    for mark, number in zip(words, words[1:], strict=False):
        if _closest_word(mark, DECAY_MARKS) and re.fullmatch(r"0?\.[0-9]+", number):
            return float(number)
    return None


def _words(name: str) -> list[str]:
    """Split a file name, without its extension, into lower-case words and decimal numbers."""
    name = re.sub(r"\.[a-z]\w*$", "", name.lower())
    name = re.sub(r"layer[^a-z0-9]+norm", "layernorm", name)
    return re.findall(r"[0-9]*\.[0-9]+|[0-9]+|[a-z]+", name)


def _closest_word(word: str, known: tuple[str, ...]) -> str | None:
    """Return the one of `known` that `word` is, or is a slip of; None where there is none.

    A slip has the same first letter, no foreign letter (so `elu` and `width` are none) and at most
    one edit in four letters.
    """
    if word in known:
        return word
    slips = [
        right
        for right in known
        if word[0] == right[0]
        and set(word) <= set(right)
        and _edits(word, right) <= len(right) // 4
    ]
    return slips[0] if len(slips) == 1 else None


def _edits(left: str, right: str) -> int:
    """Count the edits between two words: letters missing, added, changed or swapped in place.

    This is the optimal string alignment distance.
    """
    rows = [list(range(len(right) + 1))]
    for i, a in enumerate(left, start=1):
        row = [i]
        for j, b in enumerate(right, start=1):
            cost = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and b == left[i - 2]:
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]
