"""Says which split a name means, and makes splits where nothing says any."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from biencoder.arrays import Ints
from biencoder.data.counts import counted
from biencoder.data.groups import connected
from biencoder.data.raw_pairs import FILE_NAMES, NOT_TOLD, SPLITS
from biencoder.data.tables import formats
from biencoder.data.texts import text_hash, text_key

#: Shares of validation and of test where splits are made; the rest is training.
SHARE = 0.1

#: A group larger than this share of all pairs stands in training alone.
LARGEST = 0.25

_WORD = re.compile(
    r"(?:(train(?:ing)?)|(dev(?:elopment)?|val(?:id(?:ation)?)?)|(test(?:ing)?))(?![a-z])"
)


def of_word(word: str) -> str | None:
    """Return the split that a word means, or a file's name begins with; None: it means none."""
    match = _WORD.match(word.lower())
    return SPLITS[(match.lastindex or 1) - 1] if match else None


def absent(example: Path) -> dict[str, str]:
    """Say where the file of each split would be: beside that of another one, named like it."""
    suffix = example.name.removeprefix(formats.stem(example))
    return {split: f"{example.parent}: no {name}{suffix}" for split, name in FILE_NAMES.items()}


def made(
    titles: Sequence[str], points: Sequence[str], counters: Sequence[str]
) -> tuple[list[str], str]:
    """Share pairs out, 80 / 10 / 10, by debate, or by groups connected through equal texts.

    Returns the split of each pair and a sentence that says what was done. What decides is a hash of
    the texts: neither the order of the rows nor a run's seed, so that runs of all seeds compare.
    All pairs stand in training where they hang together too much to be shared out.
    """
    keys = [*map(text_key, points)], [*map(text_key, counters)]
    texts = np.split(pd.factorize(np.array([*keys[0], *keys[1]], dtype=object))[0], 2)
    hashes = np.array([text_hash(key) for key in keys[0]])
    tried = []
    named = np.array(titles, dtype=object)
    told = named != NOT_TOLD
    if told.any():
        # A title connects pairs as an equal text does; one that is not told connects nothing.
        alone = len(titles) + np.arange(len(titles))
        debates = 2 * len(titles) + np.where(told, pd.factorize(named)[0], alone)
        tried.append(("by debate and equal texts", connected([*texts, debates])))
    tried.append(("by groups of equal texts", connected(list(texts))))
    for how, groups in tried:
        found = _share_out(groups, hashes)
        sizes = Counter(found)
        if all(sizes[name] for name in SPLITS):
            shares = " / ".join(f"{sizes[name]:,}" for name in SPLITS)
            return found, (
                f"no split is given: made {how} ({counted(int(groups.max()) + 1, 'group')}), "
                f"{shares} pairs of training / validation / test"
            )
    return [SPLITS[0]] * len(titles), (
        f"{counted(len(titles), 'pair')} in {counted(int(groups.max()) + 1, 'group')} of "
        "equal texts cannot be shared out to training, validation and test; add a column 'split'"
    )


def _share_out(groups: Ints, hashes: Ints) -> list[str]:
    """Give each group as a whole to the split that lacks most, the largest groups first."""
    count = len(groups)
    held_out = max(1, round(SHARE * count))
    wanted = dict(zip(SPLITS, (max(1, count - 2 * held_out), held_out, held_out), strict=True))
    sizes = np.bincount(groups)
    order = pd.DataFrame({"group": groups, "hash": hashes}).groupby("group")["hash"].min()
    given: dict[int, str] = {}
    has = dict.fromkeys(SPLITS, 0)
    for group in np.lexsort([order.to_numpy(), -sizes]).tolist():
        fitting = [name for name in SPLITS if has[name] + sizes[group] <= wanted[name]]
        to = max(fitting or SPLITS[:1], key=lambda name: 1 - has[name] / wanted[name])
        given[group] = to
        has[to] += int(sizes[group])
    for name in SPLITS[1:]:
        # The last ones given to training are the smallest.
        last = next((g for g in reversed(given) if given[g] == "training"), None)
        if not has[name] and last is not None and sizes[last] <= LARGEST * count:
            given[last] = name
            has[name] += int(sizes[last])
    return [given[group] for group in groups.tolist()]
