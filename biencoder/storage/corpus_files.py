"""Writes a corpus as a table, in BEIR's layout or as a folder tree: all read as the same pairs."""

import gzip
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import polars as pl

from biencoder.data.corpus import Corpus
from biencoder.data.raw_pairs import FILE_NAMES, NOT_TOLD, part_of_name
from biencoder.errors import CorpusError
from biencoder.storage.atomic import whole_file, whole_folder

#: A corpus' column → what it is called in a table and in BEIR's metadata.
COLUMNS = {"domain": "domain", "title": "debate", "stance": "stance"}


def write(data: Corpus, to: Path, layout: str) -> None:
    """Write every pair of `data` in a layout of `WRITERS`.

    Raises `CorpusError` where something lies there already or a layout cannot hold the corpus.
    """
    if to.exists() or to.is_symlink():
        raise CorpusError(f"{to}: exists already; remove it, or write elsewhere")
    WRITERS[layout](data, to)


def rows(data: Corpus) -> pl.DataFrame:
    """Make a table of a corpus: split, domain, debate, stance (what it tells of them), number or
    id, point, counter.
    """
    table = pl.concat(
        [
            pl.DataFrame(split.pairs.to_dict("list")).with_columns(split=pl.lit(split.name))
            for split in data.splits
            if len(split)
        ]
    )
    told = [name for name in COLUMNS if (table[name] != NOT_TOLD).any()]
    number = _number(data)
    return table.select(
        "split",
        *(pl.col(name).replace(NOT_TOLD, None).alias(COLUMNS[name]) for name in told),
        pl.col("number").alias(number),
        "point",
        "counter",
    )


def _number(data: Corpus) -> str:
    """What tells the pairs of a debate apart: a number, or an id, which is text."""
    kinds = (split.pairs["number"] for split in data.splits if len(split))
    return "number" if all(map(pd.api.types.is_integer_dtype, kinds)) else "id"


def _csv(data: Corpus, to: Path, separator: str = ",") -> None:
    _put(to, rows(data).write_csv(separator=separator, quote_style="non_numeric"))


def _jsonl(data: Corpus, to: Path) -> None:
    _put(to, _lines(rows(data).to_dicts()))


def _parquet(data: Corpus, to: Path) -> None:
    with whole_file(to) as unfinished:
        rows(data).write_parquet(unfinished)


def _beir(data: Corpus, to: Path) -> None:
    """Each point is a query and a document, each counter a document, by the name of its pair."""
    queries, documents, number = [], [], _number(data)
    with whole_folder(to) as folder:
        (folder / "qrels").mkdir()
        for split in data.splits:
            judged = ["query-id\tcorpus-id\tscore\n"]
            for name, pair in zip(split.pair_ids, split.pairs.to_dict("records"), strict=True):
                point, counter = (
                    quote(f"{split.name}/{name}/{role}") for role in ("point", "counter")
                )
                told = {COLUMNS[key]: pair[key] for key in COLUMNS} | {number: pair["number"]}
                metadata = {key: value for key, value in told.items() if value != NOT_TOLD}
                queries.append({"_id": point, "text": pair["point"], "metadata": metadata})
                documents += [
                    {"_id": name, "title": "", "text": text, "metadata": metadata}
                    for name, text in ((point, pair["point"]), (counter, pair["counter"]))
                ]
                judged.append(f"{point}\t{counter}\t1\n")
            if len(split):
                path = folder / "qrels" / f"{FILE_NAMES[split.name]}.tsv"
                path.write_bytes("".join(judged).encode())
        (folder / "queries.jsonl").write_bytes(_lines(queries).encode())
        (folder / "corpus.jsonl").write_bytes(_lines(documents).encode())


def _folder_tree(data: Corpus, to: Path) -> None:
    """Pairs that have an id have a number instead."""
    with whole_folder(to) as root:
        for split in data.splits:
            if not len(split):
                raise CorpusError(
                    f"{split.name} has no pair, and a folder tree needs all three splits; choose "
                    "another layout"
                )
            (root / split.name).mkdir()
            pairs = split.pairs
            if not pd.api.types.is_integer_dtype(pairs["number"]):
                numbers = pairs.groupby(list(COLUMNS)).cumcount() + 1
                pairs = pairs.assign(number=numbers)
            for pair in pairs.to_dict("records"):
                folder = _place(root / split.name, pair)
                folder.mkdir(parents=True, exist_ok=True)
                stem = f"{pair['stance']}{pair['number']:02}"
                (folder / f"{stem}a-point.txt").write_bytes(pair["point"].encode())
                (folder / f"{stem}b-counter.txt").write_bytes(pair["counter"].encode())


def _place(root: Path, pair: dict[str, Any]) -> Path:
    """Return the folder of a pair. Raises `CorpusError` where names make none."""
    if pair["stance"] not in ("pro", "con", NOT_TOLD):
        raise CorpusError(f"stance {pair['stance']!r}: a folder tree allows only pro and con")
    names = [part_of_name(pair[key]) for key in ("domain", "title")]
    for name in names:
        if name.startswith(".") or "\0" in name or len(name.encode()) > 255:
            raise CorpusError(f"{name!r}: not a name for a folder; choose another layout")
    return root / names[0] / names[1] / str(pair["stance"])


def _lines(records: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def _put(to: Path, text: str) -> None:
    data = text.encode()
    with whole_file(to) as unfinished:
        is_packed = to.suffix.lower() == ".gz"
        unfinished.write_bytes(gzip.compress(data, mtime=0) if is_packed else data)


#: Layout → what writes it.
WRITERS: dict[str, Callable[[Corpus, Path], None]] = {
    "csv": _csv,
    "tsv": partial(_csv, separator="\t"),
    "jsonl": _jsonl,
    "parquet": _parquet,
    "beir": _beir,
    "folder_tree": _folder_tree,
}
