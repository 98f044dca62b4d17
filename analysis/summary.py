"""Prints and writes what each run and each configuration came to.

python -m analysis.summary logs/                  # a table here; summary.csv, .md and .tex there
python -m analysis.summary logs/ --out=results
"""

from analysis.commands import FolderOptions, read, run_command
from analysis.rendering import output, summary_files, text
from analysis.statistics.comparisons import comparisons
from analysis.statistics.results import of_studies


class Options(FolderOptions):
    """Summarise run logs, study by study: a row for each run and each configuration over its seeds,
    written to summary.csv, summary.md and, for a paper, summary.tex; configurations and effects
    are printed.
    """


def _summarise(options: Options) -> None:
    """Read, write the tables, print them and the effects."""
    log = read(options)
    every = of_studies(log)
    folder = output.folder(options.paths, options.out)
    written = summary_files.write(folder, every)
    end = [*text.comparison_lines(comparisons(every)), *output.listing(written)]
    print(text.screen(every, end), end="")


def main() -> None:
    """Run `python -m analysis.summary`."""
    run_command(_summarise, Options, "summary")


if __name__ == "__main__":
    main()
