"""Prints and writes what each run and each configuration came to.

python -m analysis.summary logs/                  # a table here; summary.csv, .md and .tex there
python -m analysis.summary logs/ --out=results
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

import commandline
from analysis.errors import AnalysisError
from analysis.readers import logs
from analysis.rendering import output, summary_files, text
from analysis.statistics.comparisons import comparisons
from analysis.statistics.results import of_studies


class Options(BaseModel):
    """Summarise run logs, study by study: a row for each run and each configuration over its seeds,
    written to summary.csv, summary.md and, for a paper, summary.tex; configurations and effects
    are printed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    paths: list[str] = Field(["logs"], description="Log files, folders or globs; unset: logs.")
    out: Path | None = Field(
        None, description="Folder for the files; unset: plots/ beside the logs."
    )


def _summarise(options: Options) -> None:
    """Read, write the tables, print them and the effects."""
    log = logs.read(options.paths)
    output.warn(text.reader_notes(log))
    every = of_studies(log)
    folder = output.folder(options.paths, options.out)
    written = summary_files.write(folder, every)
    end = [*text.comparison_lines(comparisons(every)), *output.listing(written)]
    print(text.screen(every, end), end="")


def main() -> None:
    """Run `python -m analysis.summary`."""
    commandline.main(
        _summarise,
        Options,
        prog="python -m analysis.summary",
        failures=(AnalysisError,),
        positional="paths",
    )


if __name__ == "__main__":
    main()
