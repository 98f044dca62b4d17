"""Tells how a corpus lies on disk, and reads it."""

from pathlib import Path

from biencoder.data import folder_tree
from biencoder.data.raw_pairs import RawPairs
from biencoder.data.tables import beir, columns, files, formats
from biencoder.errors import CorpusError

SAMPLE = Path(__file__).parent / "sample_corpus"


def is_folder_of_pairs(root: Path) -> bool:
    """Test whether a path is a folder that holds a corpus, rather than only texts."""
    return folder_tree.is_tree(root) or beir.is_beir(root) or bool(files.by_split(root))


def read(data_dir: Path | None, columns_flag: str | None = None) -> RawPairs:
    """Read a table, a folder of tables, BEIR's layout or a folder tree; None: the sample corpus.

    `columns_flag` is `--columns`. Raises `CorpusError` naming the path at fault.
    """
    if data_dir is None and columns_flag:
        raise CorpusError("--columns is for tables, and the sample corpus is none; name a table")
    root = SAMPLE if data_dir is None else data_dir
    chosen = columns.choice(columns_flag)
    if root.is_file():
        return files.read_file(root, chosen)
    if not root.is_dir():
        raise CorpusError(f"{root}: no such file or folder")
    if files.by_split(root) and not folder_tree.is_tree(root):
        return files.read_folder(root, chosen)
    if columns_flag:
        raise CorpusError(f"{root}: --columns is for tables, and this folder holds none of a split")
    if beir.is_beir(root):
        return beir.read(root)
    tables = sorted(path for path in root.iterdir() if formats.is_table(path))
    if tables and not folder_tree.is_tree(root):
        raise CorpusError(
            f"{root}: no file is named like a split (train, dev, test); did you mean {tables[0]}?"
        )
    return folder_tree.read(root)
