"""Makes three splits of pairs of a corpus, in the same order on every machine.

How it lies on disk is known to `layouts`.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import polars as pl

from biencoder.arrays import Ints
from biencoder.data import layouts
from biencoder.data.counts import reasons
from biencoder.data.groups import connected
from biencoder.data.raw_pairs import (
    COUNTER_MISSING,
    NOT_TOLD,
    PAIR_KEY,
    POINT_MISSING,
    SPLITS,
    RawPairs,
    part_of_name,
)
from biencoder.data.texts import text_hash, text_key
from biencoder.errors import CorpusError


@dataclass(frozen=True)
class Split:
    """The complete pairs of one split.

    `pairs` has one row per pair: domain, title, stance (`NOT_TOLD` where the corpus has none),
    number (int, or text where the corpus has ids), point, counter (texts, stripped of outer white
    space), sorted by the first four. `dropped` counts the raw pairs that are none, by reason;
    `leaked` counts the pairs that were dropped because validation or test holds one of their texts.
    """

    name: str
    pairs: pd.DataFrame
    dropped: dict[str, int] = field(default_factory=dict)
    leaked: int = 0

    def __len__(self) -> int:
        return len(self.pairs)

    @property
    def passed_over(self) -> str:
        """What was passed over, by reason, as a person reads it."""
        return f"passed over: {reasons(self.dropped)}"

    @cached_property
    def keys(self) -> pd.DataFrame:
        """Normalised point and counter of each pair, see `text_key`."""
        return self.pairs[["point", "counter"]].map(text_key)

    @cached_property
    def _numbered(self) -> tuple[Ints, list[str]]:
        """Number the distinct texts: (number of each pair's text, points then counters, [2N]; the
        distinct keys). Equal text is the same argument, so it has one number.
        """
        numbers, keys = pd.factorize(np.concatenate([self.keys["point"], self.keys["counter"]]))
        return numbers, list(keys)

    @cached_property
    def texts(self) -> list[str]:
        """Distinct texts of the split, [T]; of texts that differ in white space alone the first."""
        _, first = np.unique(self._numbered[0], return_index=True)
        return [*np.concatenate([self.pairs["point"], self.pairs["counter"]])[first]]

    @property
    def point_ids(self) -> Ints:
        """Index into `texts` of each pair's point, shape [N]."""
        return self._numbered[0][: len(self)]

    @property
    def counter_ids(self) -> Ints:
        """Index into `texts` of each pair's counter, shape [N]."""
        return self._numbered[0][len(self) :]

    @cached_property
    def _own_codes(self) -> Ints:
        """point id · T + text id for each point and each of its own texts, ascending."""
        own = [self.point_ids, self.counter_ids]
        return np.unique(np.concatenate([self.point_ids * len(self.texts) + text for text in own]))

    @property
    def most_own_texts(self) -> int:
        """The largest number of own texts of a point, see `own_texts`."""
        return int(np.bincount(self._own_codes // len(self.texts)).max())

    def own_texts(self, points: Ints) -> tuple[Ints, Ints]:
        """List the texts that are no wrong answers to points [P]: the point itself and each counter
        that a pair of the split gives it. Returns (places in `points`, text ids), [M] each.
        """
        point, text = np.divmod(self._own_codes, len(self.texts))
        asked = pd.DataFrame({"point": points, "place": np.arange(len(points))})
        own = asked.merge(pd.DataFrame({"point": point, "text": text}), on="point")
        return own["place"].to_numpy(), own["text"].to_numpy()

    def is_own(self, points: Ints, texts: Ints) -> npt.NDArray[np.bool_]:
        """Test whether texts are a point's own, see `own_texts`; ids, broadcast to one shape."""
        codes = points * len(self.texts) + texts
        places = np.searchsorted(self._own_codes, codes).clip(max=len(self._own_codes) - 1)
        return self._own_codes[places] == codes

    @cached_property
    def ties(self) -> Ints:
        """Tie-breaking keys, [2N]: a hash of each candidate's text orders equal distances."""
        hashes = np.array([text_hash(key) for key in self._numbered[1]], dtype=np.int64)
        return hashes[self.candidate_ids]

    @cached_property
    def debates(self) -> Ints:
        """Number each pair's debate, a title in a domain, [N]; where none is told, pairs that are
        connected by equal texts have one number.
        """
        debates = self.pairs.groupby(["domain", "title"]).ngroup().to_numpy()
        told = (self.pairs["title"] != NOT_TOLD).to_numpy()
        if told.all():
            return debates
        groups = debates.max() + 1 + connected([self.point_ids, self.counter_ids])
        return np.unique(np.where(told, debates, groups), return_inverse=True)[1]

    @cached_property
    def clusters(self) -> Ints:
        """Number the groups of pairs that are connected by debate titles or equal texts, [N].

        Answers within a cluster are not independent, so the uncertainty of a figure depends on the
        number of clusters. A title counts without its domain, because debates are filed under
        several; one that is not told connects nothing.
        """
        titles = pd.factorize(self.pairs["title"])[0]
        told = (self.pairs["title"] != NOT_TOLD).to_numpy()
        alone = len(self) + np.arange(len(self))
        titles = len(self.texts) + np.where(told, titles, alone)
        return connected([self.point_ids, self.counter_ids, titles])

    def tells(self, column: str) -> bool:
        """Test whether each pair has a domain, a title or a stance."""
        return not (self.pairs[column] == NOT_TOLD).any()

    @cached_property
    def pair_ids(self) -> list[str]:
        """'domain/title/stance/number' of each pair: its name in files and in other runs."""
        columns = [self.pairs[key] for key in PAIR_KEY]
        return ["/".join(map(part_of_name, parts)) for parts in zip(*columns, strict=True)]

    @cached_property
    def candidate_names(self) -> list[str]:
        """Name of each candidate, in the order of `candidate_ids`: pair id and role."""
        return [f"{name}/{role}" for role in ("counter", "point") for name in self.pair_ids]

    @property
    def candidate_ids(self) -> Ints:
        """Index into `texts` of each candidate, shape [2N]: all counters, then all points."""
        return np.concatenate([self.counter_ids, self.point_ids])

    @property
    def counts(self) -> dict[str, Any]:
        """Numbers of pairs for the run log, see `SplitCounts`."""
        return {
            "pairs": len(self) + self.leaked,
            "incomplete": sum(self.dropped.get(why, 0) for why in (POINT_MISSING, COUNTER_MISSING)),
            "dropped": self.dropped,
            "leaked": self.leaked,
            "kept": len(self),
            "points": self.keys["point"].nunique(),
        }


@dataclass(frozen=True)
class Corpus:
    """The three splits of one corpus."""

    training: Split
    validation: Split
    test: Split
    #: A hash over every pair and its texts, leaked ones included: equal corpora share it.
    digest: str
    #: Sentences for the person who brought it: which columns were used, which splits were made.
    notes: tuple[str, ...] = ()
    #: Split → why it has no pair, for each that has none.
    absent: dict[str, str] = field(default_factory=dict)

    @property
    def splits(self) -> tuple[Split, Split, Split]:
        return self.training, self.validation, self.test


def load(data_dir: Path | None, leaked_pairs: str = "drop", columns: str | None = None) -> Corpus:
    """Read a corpus; None reads the sample corpus of the package. A split may have no pair.

    With `leaked_pairs='drop'` training loses each pair whose point or counter stands word for word
    in validation or test. `columns` is `--columns`. Raises `CorpusError` naming the path at fault.
    """
    found = layouts.read(data_dir, columns)
    training, validation, test = (_split(found, name) for name in SPLITS)
    if not any(map(len, (training, validation, test))):
        why = reasons(dict(Counter(found.rows["reason"])))
        raise CorpusError(f"{data_dir}: holds no pair" + (f"; passed over: {why}" if why else ""))
    absent = {
        split.name: f"{data_dir}: {split.name} holds no pair; {split.passed_over}"
        if split.dropped
        else found.absent[split.name]
        for split in (training, validation, test)
        if not len(split)
    }
    digest = _digest(training, validation, test)
    if leaked_pairs == "drop" and len(training):
        training = _without_leaked_pairs(training, validation, test)
        if not len(training):
            absent["training"] = (
                f"{data_dir}: every training pair stands in validation or test too "
                "(train --leaked_pairs=keep takes them)"
            )
    return Corpus(training, validation, test, digest, found.notes, absent)


def passed_over(data: Corpus) -> list[str]:
    """Say of each split that lost some what was passed over, and why."""
    return [f"{split.name}: {split.passed_over}" for split in data.splits if split.dropped]


def check_complete(data: Corpus) -> None:
    """Check that each split has a pair, as training needs. Raises `CorpusError`."""
    if data.absent:
        raise CorpusError(
            f"{'; '.join(dict.fromkeys(data.absent.values()))}; training takes all three splits, "
            "and biencoder evaluate those that there are"
        )


def check_negatives(data_dir: Path | None, training: Split) -> None:
    """Check that every point can get a negative. Raises `CorpusError`."""
    if len(training.texts) <= training.most_own_texts:
        raise CorpusError(
            f"{data_dir}: the {len(training.texts)} distinct texts of training leave a point "
            "without any negative; training needs at least two different points"
        )


def unseen(split: Split, training: Split) -> npt.NDArray[np.bool_]:
    """Mark the pairs of `split` that share no text with `training`, shape [N]."""
    known = {*training.keys["point"], *training.keys["counter"]}
    return ~split.keys.isin(known).any(axis=1).to_numpy()


def _split(found: RawPairs, name: str) -> Split:
    """Make one split of what was read."""
    rows = found.rows.filter(pl.col("split") == name)
    pairs = rows.filter(pl.col("reason").is_null()).select(*PAIR_KEY, "point", "counter")
    dropped = Counter(rows["reason"].drop_nulls()) + Counter(found.unread.get(name, {}))
    return Split(
        name,
        pd.DataFrame(pairs.sort(PAIR_KEY).to_dict(as_series=False), columns=pairs.columns),
        dict(sorted(dropped.items(), key=lambda counted: (-counted[1], counted[0]))),
    )


def _digest(*splits: Split) -> str:
    content = hashlib.sha256()
    for split in splits:
        for texts in (split.pair_ids, split.pairs["point"], split.pairs["counter"]):
            content.update("\0".join(texts).encode() + b"\0\0")
    return content.hexdigest()[:16]


def _without_leaked_pairs(training: Split, *held_out: Split) -> Split:
    fresh = np.logical_and.reduce([unseen(training, split) for split in held_out])
    pairs = training.pairs[fresh].reset_index(drop=True)
    return replace(training, pairs=pairs, leaked=int((~fresh).sum()))
