"""Prints and writes what each run and each configuration came to.

python -m analysis.summary logs/                  # a table here, summary.csv and summary.md there
python -m analysis.summary logs/ --out=results
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

import commandline
from analysis.errors import AnalysisError
from analysis.readers import logs
from analysis.rendering import csv, markdown, output, text
from analysis.statistics import significance
from analysis.statistics.results import Results


class Options(BaseModel):
    """Summarise run logs: a row for each run and each configuration over its seeds, printed and
    written to summary.csv and summary.md; verdicts on their differences are printed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    paths: list[str] = Field(["logs"], description="Log files, folders or globs; unset: logs.")
    out: Path | None = Field(
        None, description="Folder for the files; unset: plots/ beside the logs."
    )


def _summarise(options: Options) -> None:
    """Read, print the tables and verdicts, write the tables."""
    log = logs.read(options.paths, events=("eval", "pools"))
    output.warn(text.reader_notes(log))
    results = Results(log)
    print(text.summary_text(results))
    print(significance.text(results.verdicts, results.by_run))
    folder = output.folder(options.paths, options.out)
    written = [
        output.write(folder / "summary.csv", csv.summary_csv(results)),
        output.write(folder / "summary.md", markdown.summary_markdown(results)),
    ]
    for path in written:
        print(f"wrote {path}")


def main() -> None:
    """Run `python -m analysis.summary`."""
    commandline.main(
        _summarise, Options, prog="summary", failures=(AnalysisError,), positional="paths"
    )


if __name__ == "__main__":
    main()
