"""Reads the layout of BEIR: queries and documents with ids, and judgements that connect them.

`queries.jsonl`, `corpus.jsonl` (`_id`, `text`, perhaps `title`, `metadata`) and `qrels/` with one
file per split (`query-id`, `corpus-id`, `score`). A point is a query's text, a counter that of a
document, without its title. Candidates of a split are its own points and counters, not the whole
of `corpus.jsonl`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from biencoder.data.counts import counted
from biencoder.data.raw_pairs import NOT_TOLD, SPLITS, RawPairs, why_none
from biencoder.data.tables import formats, pairs, splits
from biencoder.data.tables.columns import normalised
from biencoder.data.tables.pairs import Row, Scalar, cell_text
from biencoder.data.tables.table import Table
from biencoder.errors import CorpusError

# Why a judgement makes no pair.
QUERY_MISSING = "query missing"
DOCUMENT_MISSING = "document missing"

#: What a query's metadata may tell.
METADATA = ("domain", "debate", "stance", "number", "id")

Texts = dict[str, tuple[str | None, dict[str, Any]]]


def is_beir(folder: Path) -> bool:
    """Test whether a folder has a part of this layout."""
    return (folder / "qrels").is_dir() or bool([*folder.glob("corpus.jsonl*")])


def read(folder: Path) -> RawPairs:
    """Read the splits that have judgements. Raises `CorpusError` naming file and line at fault."""
    queries, documents = (_texts(_one(folder, name)) for name in ("queries", "corpus"))
    judged = _judgements(folder / "qrels")
    rows = [
        row
        for name, path in judged.items()
        for row in _rows(formats.read(path), name, queries, documents)
    ]
    numbered = all("number" in metadata for _, metadata in queries.values())
    frame, _ = pairs.to_frame(rows, numbered=numbered)
    absent = splits.absent(next(iter(judged.values())))
    return RawPairs(frame, absent=absent, notes=(_note(rows, len(queries), len(documents)),))


def _note(rows: list[Row], queries: int, documents: int) -> str:
    return (
        f"BEIR: {counted(len(rows), 'judgement')} of {queries:,} queries and {documents:,} "
        "documents; candidates are the points and counters of a split, not all documents, and "
        "titles are not read"
    )


def _one(folder: Path, name: str) -> Path:
    for path in (folder / f"{name}.jsonl", folder / f"{name}.jsonl.gz"):
        if path.is_file():
            return path
    raise CorpusError(f"{folder}: no {name}.jsonl, which belongs to qrels/ and its like")


def _judgements(folder: Path) -> dict[str, Path]:
    """Find the file of each split."""
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        name = splits.of_word(path.name)
        if name and formats.is_table(path):
            if name in found:
                raise CorpusError(
                    f"{found[name]} and {path.name} are both of split {name}; keep one of them"
                )
            found[name] = path
    if not found:
        raise CorpusError(f"{folder}: no train.tsv, dev.tsv or test.tsv")
    return {name: found[name] for name in SPLITS if name in found}


def _texts(path: Path) -> Texts:
    """Read queries or documents: id → (text, metadata)."""
    table = formats.read(path)
    places = _places(table, "_id", "text")
    known: Texts = {}
    metadata = table.names.index("metadata") if "metadata" in table.names else None
    for number, cells in table.rows:
        name = cell_text(table, number, cells, places["id"])
        found = cell_text(table, number, cells, places["text"], "a text", of_argument=True)
        if name is None:
            raise table.fault("an empty id", number, places["id"])
        if name in known:
            raise table.fault(f"{name!r} stands in an earlier line, too", number, places["id"])
        about = None if metadata is None else cells[metadata]
        told = about.items() if isinstance(about, dict) else ()
        known[name] = found, {key: value for key, value in told if isinstance(value, Scalar)}
    return known


def _places(table: Table, *names: str) -> dict[str, int]:
    """Find columns by name: normalised name → place. Raises `CorpusError`."""
    known = [normalised(name) for name in table.names]
    missing = [name for name in names if normalised(name) not in known]
    if missing:
        raise table.fault(f"no {missing[0]!r}; {', '.join(map(repr, names))} are expected", 1)
    return {normalised(name): known.index(normalised(name)) for name in names}


def _rows(table: Table, split: str, queries: Texts, documents: Texts) -> Iterator[Row]:
    """Yield one row per judgement. Raises `CorpusError` where most ids are not known."""
    places = _places(table, "query-id", "corpus-id", "score")
    resolved = 0
    for number, cells in table.rows:
        query, document = (
            str(cell_text(table, number, cells, places[name])) for name in ("query_id", "corpus_id")
        )
        reason = _reason(table, number, places["score"], cells)
        point, about = queries.get(query, (None, {}))
        counter, _ = documents.get(document, (None, {}))
        resolved += query in queries and document in documents
        if query not in queries or document not in documents:
            reason = reason or (QUERY_MISSING if query not in queries else DOCUMENT_MISSING)
        domain, debate, stance, own_number, own_id = (
            pairs.text(about.get(key)) for key in METADATA
        )
        yield Row(
            split,
            domain or NOT_TOLD,
            debate or NOT_TOLD,
            (stance or NOT_TOLD).lower(),
            own_number or own_id or query,
            point,
            counter,
            reason or why_none(point, counter),
        )
    if not table.rows:
        raise table.fault("holds no judgement")
    if 2 * resolved < len(table.rows) or not resolved:
        raise table.fault(
            f"{resolved} of {counted(len(table.rows), 'judgement')} have their query and document; "
            "are queries.jsonl and corpus.jsonl of the same version?",
        )


def _reason(table: Table, number: int, column: int, cells: list[Any]) -> str | None:
    """Read a score: above 0 the document answers the query."""
    written = str(cells[column]).strip()
    try:
        score = float(written)
    except ValueError:
        raise table.fault(f"{written!r} is not a number", number, column) from None
    return None if score > 0 else f"score {score:g}"
