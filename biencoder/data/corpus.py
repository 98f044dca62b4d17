"""Reads a corpus from disk into three splits of pairs, in the same order on every machine.

Layout: `<root>/{training,validation,test}/<domain>/<debate title>/{pro,con}/<stance><NN>` +
`a-point.txt` or `b-counter.txt`. Anything else in the tree is passed over. The layout and the data
are those of the ArguAna Counterargs corpus (Wachsmuth, Syed, Stein, ACL 2018).
"""

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from biencoder.errors import CorpusError

Ids = npt.NDArray[np.int64]

SPLITS = ("training", "validation", "test")
_FILE_NAME = re.compile(r"(pro|con)([0-9]+)(?:(a)-point|(b)-counter)\.txt")
_PAIR_KEY = ["domain", "title", "stance", "number"]


def text_key(text: str) -> str:
    """Normalise a text for comparison: Unicode NFC, each run of white space one blank, trimmed."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def text_hash(key: str) -> int:
    """Hash a normalised text to 64 bits; breaks ties alike on every machine, whatever its role."""
    return int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), signed=True)


@dataclass(frozen=True)
class Split:
    """The complete pairs of one split.

    `pairs` has a row a pair: domain, title, stance ('pro' or 'con'), number (int), point, counter
    (texts, stripped of outer white space), sorted by the first four. `incomplete` counts points
    without a counter and counters without a point, `leaked` the pairs that were dropped because
    validation or test holds one of their texts.
    """

    name: str
    pairs: pd.DataFrame
    incomplete: int
    leaked: int = 0

    def __len__(self) -> int:
        return len(self.pairs)

    @cached_property
    def keys(self) -> pd.DataFrame:
        """Normalised point and counter of each pair, see `text_key`."""
        return self.pairs[["point", "counter"]].map(text_key)

    @cached_property
    def _numbered(self) -> tuple[Ids, list[str]]:
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
    def point_ids(self) -> Ids:
        """Index into `texts` of each pair's point, shape [N]."""
        return self._numbered[0][: len(self)]

    @property
    def counter_ids(self) -> Ids:
        """Index into `texts` of each pair's counter, shape [N]."""
        return self._numbered[0][len(self) :]

    @cached_property
    def _own_codes(self) -> Ids:
        """point id · T + text id for each point and each of its own texts, ascending."""
        own = [self.point_ids, self.counter_ids]
        return np.unique(np.concatenate([self.point_ids * len(self.texts) + text for text in own]))

    @property
    def most_own_texts(self) -> int:
        """The largest number of own texts of a point, see `own_texts`."""
        return int(np.bincount(self._own_codes // len(self.texts)).max())

    def own_texts(self, points: Ids) -> tuple[Ids, Ids]:
        """List the texts that are no wrong answers to points [P]: the point itself and each counter
        that a pair of the split gives it. Returns (places in `points`, text ids), [M] each.
        """
        point, text = np.divmod(self._own_codes, len(self.texts))
        asked = pd.DataFrame({"point": points, "place": np.arange(len(points))})
        own = asked.merge(pd.DataFrame({"point": point, "text": text}), on="point")
        return own["place"].to_numpy(), own["text"].to_numpy()

    def is_own(self, points: Ids, texts: Ids) -> npt.NDArray[np.bool_]:
        """Test whether texts are a point's own, see `own_texts`; ids, broadcast to one shape."""
        codes = points * len(self.texts) + texts
        places = np.searchsorted(self._own_codes, codes).clip(max=len(self._own_codes) - 1)
        return self._own_codes[places] == codes

    @cached_property
    def ties(self) -> Ids:
        """Tie-breaking keys, [2N]: a hash of each candidate's text orders equal distances."""
        hashes = np.array([text_hash(key) for key in self._numbered[1]], dtype=np.int64)
        return hashes[self.candidate_ids]

    @cached_property
    def pair_ids(self) -> list[str]:
        """'domain/title/stance/number' of each pair: its name in files and in other runs."""
        columns = [self.pairs[key] for key in _PAIR_KEY]
        return [f"{d}/{t}/{s}/{number:02}" for d, t, s, number in zip(*columns, strict=True)]

    @cached_property
    def candidate_names(self) -> list[str]:
        """Name of each candidate, in the order of `candidate_ids`: pair id and role."""
        return [f"{name}/{role}" for role in ("counter", "point") for name in self.pair_ids]

    @property
    def candidate_ids(self) -> Ids:
        """Index into `texts` of each candidate, shape [2N]: all counters, then all points."""
        return np.concatenate([self.counter_ids, self.point_ids])

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of pairs for the run log, see `SplitCounts`."""
        return {
            "pairs": len(self) + self.leaked,
            "incomplete": self.incomplete,
            "leaked": self.leaked,
            "kept": len(self),
        }


@dataclass(frozen=True)
class Corpus:
    """The three splits of one corpus."""

    training: Split
    validation: Split
    test: Split
    #: A hash over every pair and its texts, leaked ones included: equal corpora share it.
    digest: str

    @property
    def splits(self) -> tuple[Split, Split, Split]:
        return self.training, self.validation, self.test


def load(data_dir: Path | None, leaked_pairs: str = "drop") -> Corpus:
    """Read a corpus; None reads the sample corpus of the package.

    With `leaked_pairs='drop'` training loses each pair whose point or counter stands word for word
    in validation or test. Raises `CorpusError` naming the path at fault.
    """
    root = Path(__file__).parent / "sample_corpus" if data_dir is None else data_dir
    _check_root(root)
    training, validation, test = (_read_split(root, name) for name in SPLITS)
    digest = _digest(training, validation, test)
    if leaked_pairs == "drop":
        training = _without_leaked_pairs(training, validation, test)
        if not len(training):
            raise CorpusError(
                f"{root}: every training pair stands in validation or test too; "
                "pass --leaked_pairs=keep to train on them all the same"
            )
    return Corpus(training, validation, test, digest)


def unseen(split: Split, training: Split) -> npt.NDArray[np.bool_]:
    """Mark the pairs of `split` that share no text with `training`, shape [N]."""
    known = {*training.keys["point"], *training.keys["counter"]}
    return ~split.keys.isin(known).any(axis=1).to_numpy()


def _check_root(root: Path) -> None:
    if not root.is_dir():
        raise CorpusError(f"{root}: no such folder")
    missing = [name for name in SPLITS if not (root / name).is_dir()]
    if not missing:
        return
    inner = [path for path in sorted(root.iterdir()) if (path / "training").is_dir()]
    hint = f"; did you mean {inner[0]}?" if inner else ""
    raise CorpusError(
        f"{root}: the folder {missing[0]}/ is missing; a corpus holds "
        f"training/, validation/ and test/{hint}"
    )


def check_negatives(data_dir: Path | None, training: Split) -> None:
    """Check that every point can get a negative. Raises `CorpusError`."""
    if len(training.texts) <= training.most_own_texts:
        raise CorpusError(
            f"{data_dir}/training: {len(training.texts)} distinct texts leave a point without any "
            "negative; training needs at least two different points"
        )


def _read_split(root: Path, name: str) -> Split:
    rows = list(_text_files(root / name))
    table = pd.DataFrame(rows, columns=[*_PAIR_KEY, "role", "path"])
    if table.empty:
        raise CorpusError(
            f"{root / name}: no argument found; files lie in <domain>/<debate title>/pro or con "
            "and are named like pro01a-point.txt and pro01b-counter.txt"
        )
    twice = table[table.duplicated([*_PAIR_KEY, "role"], keep=False)]
    if not twice.empty:
        first, second = sorted(str(path) for path in twice["path"])[:2]
        raise CorpusError(f"{second}: has the same id as {first}; rename or remove one of them")
    table["text"] = [_read_text(path) for path in table["path"]]
    table = table[table["text"] != ""]  # an empty file says nothing: its pair is incomplete
    wide = table.pivot(index=_PAIR_KEY, columns="role", values="text")
    wide = wide.reindex(columns=["point", "counter"]).sort_index()
    pairs = wide.dropna().reset_index().rename_axis(columns=None)
    if pairs.empty:
        raise CorpusError(f"{root / name}: no point has its counter beside it")
    return Split(name, pairs, incomplete=len(wide) - len(pairs))


def _text_files(split_dir: Path) -> Iterator[tuple[str, str, str, int, str, Path]]:
    """Yield (domain, title, stance, number, role, path) of every argument file of a split."""
    for domain in _folders(split_dir):
        for title in _folders(domain):
            for stance in _folders(title):
                for path in _entries(stance, folders=False):
                    match = _FILE_NAME.fullmatch(path.name)
                    if match and match[1] == stance.name:
                        _check_name(path)
                        role = "point" if match[3] else "counter"
                        yield domain.name, title.name, stance.name, int(match[2]), role, path


def _check_name(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise CorpusError(f"{path!a}: this name is not UTF-8; rename the file or folder") from None


def _folders(parent: Path) -> list[Path]:
    return _entries(parent, folders=True)


def _entries(parent: Path, *, folders: bool) -> list[Path]:
    """List subfolders or files by name, without links: these may loop or leave the corpus."""
    try:
        with os.scandir(parent) as entries:
            return sorted(
                Path(entry.path)
                for entry in entries
                if (
                    entry.is_dir(follow_symlinks=False)
                    if folders
                    else entry.is_file(follow_symlinks=False)
                )
            )
    except OSError as error:
        raise CorpusError(f"{parent}: cannot be read ({error.strerror})") from None


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{path}: not UTF-8 at byte {error.start}; convert it, for instance with iconv"
        ) from None
    except OSError as error:
        raise CorpusError(f"{path}: cannot be read ({error.strerror})") from None


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
