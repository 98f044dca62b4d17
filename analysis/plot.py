"""Draws pictures of runs, and prints and writes the tables beside them.

python -m analysis.plot logs/                 # tables and verdicts here, pictures in logs/plots/
python -m analysis.plot logs/ --smooth=5      # top-1 curves as means of 5 evaluations, raw behind
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

import commandline
from analysis.errors import AnalysisError
from analysis.readers import logs
from analysis.rendering import csv, markdown, output, text
from analysis.rendering.figures.collection import figures
from analysis.rendering.figures.runs import MOST_RUNS
from analysis.rendering.image import rendered
from analysis.statistics import significance
from analysis.statistics.results import Results


class Options(BaseModel):
    """Draw run logs: top-1 curves, their comparison, convergence, loss and answers, as PNG and SVG,
    beside their tables; verdicts and health notes are printed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    paths: list[str] = Field(["logs"], description="Log files, folders or globs; unset: logs.")
    out: Path | None = Field(
        None, description="Folder for the files; unset: plots/ beside the logs."
    )
    smooth: int = Field(
        1, ge=1, description="Evaluations that a top-1 curve is the mean of; 1 draws it as it is."
    )


def _draw(options: Options) -> None:
    """Read, print what was found, write the tables and the pictures."""
    log = logs.read(options.paths)
    output.warn(text.reader_notes(log))
    results = Results(log)
    print(text.summary_text(results))
    print(significance.text(results.verdicts, results.by_run))
    print(text.error_text(results.shown_errors), end="")
    print(text.check_text(results.curve_checks))
    folder = output.folder(options.paths, options.out)
    written = [
        output.write(folder / "summary.csv", csv.summary_csv(results)),
        output.write(folder / "summary.md", markdown.summary_markdown(results)),
    ]
    if log.predictions.height:
        written.append(output.write(folder / "diagnosis.csv", results.error_analysis.write_csv()))
    for name, figure in figures(results, options.smooth).items():
        for ending in ("png", "svg"):
            written.append(output.write(folder / f"{name}.{ending}", rendered(figure, ending)))
    if log.runs.height > MOST_RUNS:
        print(f"runs-*: {MOST_RUNS} of {log.runs.height:,} runs; name files to see others")
    for path in written:
        print(f"wrote {path}")


def main() -> None:
    """Run the console script `plot`, or `python -m analysis.plot`."""
    commandline.main(_draw, Options, prog="plot", failures=(AnalysisError,), positional="paths")


if __name__ == "__main__":
    main()
