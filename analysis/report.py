"""Writes one HTML file that says all that the logs say, to pass on.

python -m analysis.report logs/               # logs/plots/report.html
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

import commandline
from analysis.errors import AnalysisError
from analysis.readers import logs
from analysis.rendering import html, output, text
from analysis.statistics.results import of_studies


class Options(BaseModel):
    """Write report.html: effects, charts, tables, health notes and configs in one file to explore
    that needs nothing else.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    paths: list[str] = Field(["logs"], description="Log files, folders or globs; unset: logs.")
    out: Path | None = Field(
        None, description="Folder for report.html; unset: plots/ beside the logs."
    )


def _report(options: Options) -> None:
    """Read, write the report, say where."""
    log = logs.read(options.paths)
    output.warn(text.reader_notes(log))
    folder = output.folder(options.paths, options.out)
    print(f"wrote {output.write(folder / 'report.html', html.page(log, of_studies(log)))}")


def main() -> None:
    """Run `python -m analysis.report`."""
    commandline.main(_report, Options, prog="report", failures=(AnalysisError,), positional="paths")


if __name__ == "__main__":
    main()
