"""Use a trained model: `evaluate` scores it, `index` embeds texts, `retrieve` asks for them;
`convert` writes a corpus in another layout.

python -m biencoder evaluate --checkpoint=RUN_ID --split=test
python -m biencoder retrieve --checkpoint=RUN_ID --text="Homework should be abolished."
python -m biencoder index --checkpoint=RUN_ID --corpus=texts.csv --out=texts.index
python -m biencoder retrieve --checkpoint=RUN_ID --index=texts.index --queries=questions.jsonl
python -m biencoder convert --from=arguana-counterargs --to=pairs.csv
"""

import io
import json
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

import commandline
from biencoder.config import Columns, Config, DeviceName
from biencoder.convert import ConvertOptions, convert
from biencoder.errors import RunError, shortage_named
from biencoder.runtime.signals import Interrupted, Interruption
from commandline import UsageError

if TYPE_CHECKING:
    from biencoder.data.sources import Texts

#: Questions that are held in memory with their answers.
QUESTIONS_AT_A_TIME = 10_000

SHORTAGE = "use a smaller corpus, a machine with more memory or, if a GPU's ran out, --device=cpu"
CORPUS: Any = Field(
    None,
    description="What to search: a table with a column text (CSV, TSV, JSONL, Parquet), a folder "
    "of .txt files, or a corpus of pairs; unset: what the model was trained on.",
)
TRAIN: Any = Config.model_fields  # flags that mean the same as those of `train`


class ModelOptions(BaseModel):
    """Which saved model a command uses."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    checkpoint: str = Field(description="Run id below --checkpoint_dir, or a checkpoint's folder.")
    checkpoint_dir: Path = Field(Path("checkpoints"), description="Folder of the saved models.")


class EvaluateOptions(ModelOptions):
    """Score a saved model, without training, in all eight candidate pools."""

    data_dir: Path | None = Field(
        None, description="Corpus to score on; unset: the one that the model was trained on."
    )
    columns: Columns | None = TRAIN["columns"]
    split: Literal["training", "validation", "test"] | None = Field(
        None, description="Score this split alone; unset: all three."
    )
    trec: bool = Field(
        False,
        description="Also write TREC run and qrels files, to <log_dir>/<run_id>.trec/, in a folder "
        "named by the digest of the corpus.",
    )
    log_dir: Path = Field(Path("logs"), description="Folder for the TREC files.")
    device: DeviceName = TRAIN["device"]


class IndexOptions(ModelOptions):
    """Embed the texts of a corpus once, so that they can be searched often."""

    corpus: Path | None = CORPUS
    columns: Columns | None = TRAIN["columns"]
    out: Path | None = Field(
        None,
        description="Folder of the index; unset: where retrieve looks for it, beside the "
        "checkpoint, or in the user's cache if that is read-only.",
    )
    device: DeviceName = TRAIN["device"]


class RetrieveOptions(ModelOptions):
    """Print the best counter-arguments to a point, or to each of many.

    The nearest texts of the corpus by embedding are rescored, best first. An index of the corpus is
    made the first time, and used again until corpus or model change.
    """

    text: str | None = Field(
        None, description="The point to counter; unset: standard input, all of it as one text."
    )
    queries: Path | None = Field(
        None,
        description="Many points: a table with a column text, or one named like a point, and "
        "perhaps id, or '-' for lines of JSON on standard input. Each is answered by a line of "
        "JSON, in order.",
    )
    top: int = Field(
        5,
        ge=1,
        le=1000,
        description="How many counter-arguments to print. The ten nearest are rescored, or with "
        "more than ten so many.",
    )
    corpus: Path | None = CORPUS
    columns: Columns | None = TRAIN["columns"]
    index: Path | None = Field(
        None, description="Folder of an index by `biencoder index`; with it no corpus is needed."
    )
    out: Path | None = Field(
        None, description="New file for the answers, a line of JSON each; unset: standard output."
    )
    device: DeviceName = TRAIN["device"]


def evaluate(options: EvaluateOptions) -> None:
    """The `evaluate` command."""
    if not options.trec and "log_dir" in options.model_fields_set:
        raise UsageError("--log_dir is for TREC files alone; add --trec=True, or leave it out")
    from biencoder.retrieval import final_evaluation
    from biencoder.retrieval.retriever import Retriever
    from biencoder.runtime import environment
    from biencoder.storage import prediction_files

    if options.trec:  # now, since the figures take a while
        environment.check_writable(log_dir=options.log_dir)
    saved = Retriever.load(options.checkpoint, options.checkpoint_dir, options.device)
    results = saved.evaluate(options.data_dir, options.split, options.columns)
    run_id = saved.state.run_id
    print(f"{run_id}, epoch {saved.state.progress.epoch}")
    print(final_evaluation.figures(results))
    if options.trec:
        folder = options.log_dir / f"{run_id}.trec" / results[0].corpus
        for result in results:
            prediction_files.write_trec(result.predictions, run_id, folder)
        print(f"TREC run and qrels files are in {folder}")


def index(options: IndexOptions) -> None:
    """The `index` command."""
    from biencoder.data.counts import counted
    from biencoder.retrieval.retriever import Retriever

    saved = Retriever.load(
        options.checkpoint,
        options.checkpoint_dir,
        options.device,
        options.corpus,
        columns=options.columns,
    )
    made = saved.make_index(options.out)
    print(f"{made.folder}: an index of {counted(len(made.rows), 'distinct text')}")


def retrieve(options: RetrieveOptions) -> None:
    """The `retrieve` command."""
    if options.out is not None and options.out.exists():
        raise UsageError(f"--out={options.out}: exists already; remove it, or write elsewhere")
    if options.columns and options.index and not options.corpus:
        raise UsageError("--columns is for a --corpus, and --index needs none; leave it out")
    asked = _questions(options)
    if options.out is None:
        for line in _answers(options, asked):
            print(line)
        return
    from biencoder.data.counts import counted
    from biencoder.storage.atomic import whole_file

    # Opened before the work begins, which a file that cannot be written would waste.
    with whole_file(options.out) as unfinished, unfinished.open("w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in _answers(options, asked))
    print(f"{options.out}: {counted(len(asked), 'answer')}")


def _answers(options: RetrieveOptions, asked: "Texts") -> Iterator[str]:
    """Yield the lines of the answers: for a person to one question, else one of JSON to each."""
    from biencoder.retrieval.retriever import Retriever

    saved = Retriever.load(
        options.checkpoint,
        options.checkpoint_dir,
        options.device,
        options.corpus,
        options.index,
        options.columns,
    )
    if options.queries is None and options.out is None:
        (hits,) = saved.retrieve(asked.texts, options.top)
        for place, hit in enumerate(hits, start=1):
            scores = f"probability {hit.probability:.3f}, distance {hit.distance:.3f}"
            yield f"{place}. {scores}  {hit.id}"
            yield textwrap.indent(textwrap.fill(hit.text, 96), "   ")
        return
    for start in range(0, len(asked), QUESTIONS_AT_A_TIME):
        block = slice(start, start + QUESTIONS_AT_A_TIME)
        texts = asked.texts[block]
        answers = saved.retrieve(texts, options.top)
        for name, text, hits in zip(asked.ids[block], texts, answers, strict=True):
            answer = {"id": name, "text": text, "answers": [vars(hit) for hit in hits]}
            yield json.dumps(answer, ensure_ascii=False)


def _questions(options: RetrieveOptions) -> "Texts":
    """Read what is asked: one text by flag or from standard input, or many."""
    from biencoder.data import sources
    from biencoder.data.texts import has_content

    if options.queries is None:
        text = options.text
        if text is None:
            text = _standard_input("the point to counter, one text of any number of lines")
        if not has_content(text):
            raise UsageError("--text: there is no point to counter; give one, or pipe one in")
        return sources.Texts(["1"], [text.strip()])
    if options.text is not None:
        raise UsageError("--text and --queries: give one of them")
    if str(options.queries) == "-":
        lines = _standard_input('points to counter, each a line of JSON like {"text": "…"}')
        return sources.json_lines(lines, "--queries=-")
    return sources.table(options.queries)


def _standard_input(what: str) -> str:
    """Read all of standard input; at a terminal say first `what` is expected."""
    if sys.stdin and sys.stdin.isatty():
        print(f"{what}; Ctrl-D ends it:", file=sys.stderr)
    try:
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(encoding="utf-8-sig")  # whatever the locale says
        return sys.stdin.read() if sys.stdin else ""  # None: closed by the shell
    except UnicodeError:
        raise UsageError("standard input is not UTF-8") from None


def _command(job: Callable[[Any], None]) -> Callable[[Any], int]:
    """Let a signal end `job` by an exception, so that it leaves no unfinished file."""

    def run(options: BaseModel) -> int:
        try:
            with Interruption().handled(), shortage_named(SHORTAGE):
                job(options)
        except Interrupted as signalled:
            print(f"biencoder: {signalled}", file=sys.stderr)
            return signalled.status
        return 0

    return run


def main() -> None:
    """The console script `biencoder`."""
    commandline.commands(
        {
            "evaluate": (_command(evaluate), EvaluateOptions),
            "index": (_command(index), IndexOptions),
            "retrieve": (_command(retrieve), RetrieveOptions),
            "convert": (_command(convert), ConvertOptions),
        },
        prog="biencoder",
        failures=(RunError,),
    )


if __name__ == "__main__":
    main()
