"""The command `biencoder convert`: writes a corpus in another layout."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from biencoder.config import Columns, Config
from commandline import UsageError

#: Layouts recognised by a file's suffix.
TABLES = ("csv", "tsv", "jsonl", "parquet")

#: The flags of `convert`, as a dictionary since `from` is a word of Python.
_CONVERT: dict[str, Any] = {
    "from": (
        Path | None,
        Field(None, description="What --data_dir of train takes; unset: the sample corpus."),
    ),
    "to": (
        Path,
        Field(description="New file (.csv, .tsv, .jsonl, .gz of them, .parquet) or folder."),
    ),
    "layout": (
        Literal["beir", "folder_tree"] | None,
        Field(None, description="How a folder is laid out; a table is as its name ends."),
    ),
    "columns": (Columns | None, Config.model_fields["columns"]),
}
ConvertOptions = create_model(
    "ConvertOptions",
    __config__=ConfigDict(frozen=True, extra="forbid"),
    __doc__="""Write a corpus in another layout: the same pairs, names and splits.

    What is no pair is left out, and said.""",
    **_CONVERT,
)


def convert(options: BaseModel) -> None:
    """The `convert` command."""
    source, to, layout, columns = (
        getattr(options, flag) for flag in ("from", "to", "layout", "columns")
    )
    if layout is None:
        layout = to.name.lower().removesuffix(".gz").rpartition(".")[2]
        if layout not in TABLES or "." not in to.name:
            raise UsageError(
                f"--to={to}: not a table file; a folder needs --layout=beir or folder_tree"
            )
    if layout == "parquet" and to.suffix.lower() == ".gz":
        raise UsageError(f"--to={to}: Parquet is compressed by itself; leave out .gz")
    from biencoder.data import corpus
    from biencoder.data.counts import counted
    from biencoder.storage import corpus_files

    data = corpus.load(source, "keep", columns)
    corpus_files.write(data, to, layout)
    for note in data.notes:
        print(note)
    for split in data.splits:
        passed_over = [split.passed_over] if split.dropped else []
        print("; ".join([f"{split.name}: {counted(len(split), 'pair')}", *passed_over]))
    print(f"{to}: written, digest {data.digest}")
