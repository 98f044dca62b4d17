"""Draws pictures of runs, and prints and writes the tables beside them.

python -m analysis.plot logs/                 # the answer here, pictures in logs/plots/
python -m analysis.plot logs/ --target=40     # how many epochs until validation reaches 40 %
python -m analysis.plot logs/ --smooth=5      # top-1 curves as means of 5 evaluations, raw behind
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import Field

from analysis.commands import FolderOptions, read, run_command
from analysis.printable import some
from analysis.rendering import csv, output, summary_files, text
from analysis.rendering.figures.collection import figures
from analysis.rendering.figures.runs import MOST_RUNS
from analysis.rendering.image import draw_by_agg, rendered
from analysis.statistics.comparisons import comparisons
from analysis.statistics.results import Results, of_studies

#: Pictures that tell a folder of ours from another one.
PICTURES = ("curves", "loss")


class Options(FolderOptions):
    """Draw run logs, study by study: effects, top-1 curves, convergence, loss and answers, as PNG
    and SVG, and single runs as PNG, beside their tables; the effects are printed.
    """

    smooth: int = Field(
        1, ge=1, description="Evaluations averaged in a top-1 curve; 1 draws it as it is."
    )
    target: float | None = Field(
        None,
        ge=1,
        le=100,
        description="Validation top-1 in percent whose first reaching is measured; unset: the "
        "highest multiple of five that all runs of a study reach.",
    )


def _draw(options: Options) -> None:
    """Read, write the tables and the pictures of each study, print what was found."""
    log = read(options)
    every = of_studies(log, options.target and options.target / 100)
    folder = output.folder(options.paths, options.out)
    written = summary_files.write(folder, every)
    if any(results.effects.height for results in every):
        written.append(output.write(folder / "effects.csv", csv.effects_csv(every)))
    if any(results.error_analysis.height for results in every):
        written.append(output.write(folder / "error_analysis.csv", csv.error_analysis_csv(every)))
    for results in every:
        place = output.made(folder / results.study.slug)
        for name, figure in figures(results, options.smooth).items():
            # No paper prints single runs, and an SVG takes half as long again as the PNG.
            for ending in ("png",) if name.startswith("runs") else ("png", "svg"):
                written.append(output.write(place / f"{name}.{ending}", rendered(figure, ending)))
    left_out = [line for results in every for line in _not_drawn(results)]
    left_out += _from_earlier(folder, written)
    end = [*text.comparison_lines(comparisons(every)), *left_out, *output.listing(written)]
    print(text.screen(every, end), end="")


def _not_drawn(results: Results) -> Iterator[str]:
    """Say what the pictures of a study have no room for."""
    for what, pictures, drawn, of in (
        ("runs", "runs-*", MOST_RUNS, results.by_run["last_epoch"].count()),
        ("configurations", "*", results.drawn.height, results.by_configuration.height),
    ):
        if of > drawn:
            place = f"{results.study.slug}/{pictures}"
            yield f"{place}: {drawn} of {of:,} {what}; name files to see others"


def _from_earlier(folder: Path, written: Sequence[Path]) -> Iterator[str]:
    """Name what lies in the folder from an earlier call, which may have had other runs."""
    # A folder of pictures with other names is somebody else's.
    ours = {path.parent for name in PICTURES for path in folder.glob(f"*/{name}.png")}
    found = {path for place in ours for end in ("png", "svg") for path in place.glob(f"*.{end}")}
    pictures = found - {*written}
    tables = {folder / f"{name}.csv" for name in ("effects", "error_analysis")} - {*written}
    for place in sorted({path.parent for path in pictures}):
        names = sorted(path.name for path in pictures if path.parent == place)
        yield f"{place}: {some(names)} from an earlier call, left unchanged"
    for path in sorted(filter(Path.exists, tables)):
        yield f"{path}: from an earlier call, left unchanged"


def main() -> None:
    """Run the console script `plot`, or `python -m analysis.plot`."""
    draw_by_agg()
    run_command(_draw, Options, "plot")


if __name__ == "__main__":
    main()
