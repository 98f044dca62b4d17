"""Writes one HTML file with everything that the logs say, to pass on.

python -m analysis.report logs/               # logs/plots/report.html
python -m analysis.report logs/ --watch       # again every few seconds, while runs go on
"""

import time

from pydantic import Field

from analysis.commands import FolderOptions, read, run_command
from analysis.rendering import html, output
from analysis.statistics.results import of_studies
from analysis.watching import EVERY, Watcher


class Options(FolderOptions):
    """Write report.html: effects, charts, tables, health notes and configs in one file to explore
    that needs nothing else.
    """

    watch: bool = Field(
        False,
        description="Write the page again every few seconds, with the progress of the runs that "
        "are not finished; it refreshes itself. Ctrl-C ends it with a whole page.",
    )


def _report(options: Options) -> None:
    """Read, write the report, say where."""
    if options.watch:
        return _watch(options)
    log = read(options)
    folder = output.folder(options.paths, options.out)
    print(f"wrote {output.write(folder / 'report.html', html.page(log, of_studies(log)))}")


def _watch(options: Options) -> None:
    """Write the report every few seconds, until Ctrl-C; the last one is whole."""
    watcher = Watcher(options.paths)
    page = watcher.page()
    path = output.folder(options.paths, options.out) / "report.html"
    print(f"{path.resolve().as_uri()} follows the runs; Ctrl-C ends it", flush=True)
    try:
        while True:
            if page:
                output.write(path, page)
            time.sleep(EVERY)
            page = watcher.page()
    except KeyboardInterrupt:
        print(f"\nwrote {output.write(path, watcher.last_page())}")


def main() -> None:
    """Run `python -m analysis.report`."""
    run_command(_report, Options, "report")


if __name__ == "__main__":
    main()
