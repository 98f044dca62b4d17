"""Use a trained model: `evaluate` scores it, `retrieve` asks it.

python -m biencoder evaluate --checkpoint=RUN_ID --split=test
python -m biencoder retrieve --checkpoint=RUN_ID --text="Homework should be abolished."
"""

import sys
import textwrap
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

import commandline
from biencoder.config import Config
from biencoder.errors import RunError, shortage_named
from commandline import UsageError

CHECKPOINT: Any = Field(description="Run id below --checkpoint_dir, or a checkpoint's folder.")
CHECKPOINT_DIR = Field(Path("checkpoints"), description="Folder of the saved models.")
SPLIT: Any = Field(None, description="Score this split alone; unset: all three.")
SHORTAGE = "use --device=cpu, a smaller corpus, or a machine with more memory"
TRAIN: Any = Config.model_fields  # flags that mean the same as those of `train`


class EvaluateOptions(BaseModel):
    """Score a saved model, without training, in all eight candidate pools."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    checkpoint: str = CHECKPOINT
    checkpoint_dir: Path = CHECKPOINT_DIR
    data_dir: Path | None = Field(
        None, description="Corpus to score on; unset: the one that the model was trained on."
    )
    split: Literal["training", "validation", "test"] | None = SPLIT
    trec: bool = Field(
        False, description="Also write TREC run and qrels files, to <log_dir>/<run_id>.trec/."
    )
    log_dir: Path = Field(Path("logs"), description="Folder for the TREC files.")
    device: Literal["auto", "cpu", "cuda", "mps"] = TRAIN["device"]


class RetrieveOptions(BaseModel):
    """Print the best counter-arguments to a point.

    The nearest texts of the corpus by embedding are rescored by the pair head, best first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    checkpoint: str = CHECKPOINT
    checkpoint_dir: Path = CHECKPOINT_DIR
    text: str | None = Field(
        None, description="The point to counter; unset: standard input, all of it as one text."
    )
    top: int = Field(5, ge=1, le=1000, description="How many counter-arguments to print.")
    corpus: Path | None = Field(
        None, description="Corpus to search; unset: the one that the model was trained on."
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = TRAIN["device"]


@shortage_named(SHORTAGE)
def evaluate(options: EvaluateOptions) -> None:
    """The `evaluate` command."""
    from biencoder.retrieval import final_evaluation
    from biencoder.retrieval.retriever import Retriever
    from biencoder.storage import prediction_files

    saved = Retriever.load(options.checkpoint, options.checkpoint_dir, options.device)
    results = saved.evaluate(options.data_dir, options.split)
    run_id = saved.state.run_id
    print(f"{run_id}, epoch {saved.state.progress.epoch}")
    print(final_evaluation.figures(results))
    if options.trec:
        folder = options.log_dir / f"{run_id}.trec"
        for result in results:
            prediction_files.write_trec(result.predictions, run_id, folder)
        print(f"TREC run and qrels files are in {folder}")


@shortage_named(SHORTAGE)
def retrieve(options: RetrieveOptions) -> None:
    """The `retrieve` command."""
    text = _standard_input() if options.text is None else options.text
    if not text.strip():
        raise UsageError("--text: there is no point to counter; give one, or pipe one in")
    from biencoder.retrieval.retriever import Retriever

    saved = Retriever.load(options.checkpoint, options.checkpoint_dir, options.device)
    for place, hit in enumerate(saved.retrieve(text.strip(), options.top, options.corpus), start=1):
        print(
            f"{place}. probability {hit.probability:.3f}, distance {hit.distance:.3f}  {hit.name}"
        )
        print(textwrap.indent(textwrap.fill(hit.text, 96), "   "))


def _standard_input() -> str:
    """Read one text of any number of lines; a person at a terminal is told so."""
    if sys.stdin and sys.stdin.isatty():
        print(
            "the point to counter, one text of any number of lines; Ctrl-D ends it:",
            file=sys.stderr,
        )
    try:
        text = sys.stdin.read() if sys.stdin else ""  # None: closed by the shell
        text.encode()
    except UnicodeError:
        raise UsageError("standard input is not UTF-8") from None
    return text


def main() -> None:
    """The console script `biencoder`."""
    commandline.commands(
        {
            "evaluate": (evaluate, EvaluateOptions),
            "retrieve": (retrieve, RetrieveOptions),
        },
        prog="biencoder",
        failures=(RunError,),
    )


if __name__ == "__main__":
    main()
