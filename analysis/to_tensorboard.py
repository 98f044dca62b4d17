"""Writes runs as TensorBoard event files, one folder per run.

python -m analysis.to_tensorboard logs/                       # into logs/plots/tensorboard
python -m analysis.to_tensorboard logs/ --out=runs            # again: what is new is appended
tensorboard --logdir=runs
"""

import re
from pathlib import Path

from pydantic import Field

from analysis.commands import FolderOptions, read, run_command
from analysis.rendering import output
from analysis.rendering.labels import counted
from analysis.rendering.tensorboard_events import event_file
from analysis.statistics.scalars import scalars
from analysis.statistics.studies import Study, studies

#: Name of each run's file, which TensorBoard knows by its second word.
EVENTS = "events.out.tfevents.0.analysis"


class Options(FolderOptions):
    """Write the scalars of runs, finished or running, as TensorBoard event files: each variant and
    seed of a study is a run, with its hyperparameters. Needs the extra `tensorboard`.
    """

    out: Path | None = Field(
        None, description="Folder for the runs; unset: plots/tensorboard beside the logs."
    )


def _convert(options: Options) -> None:
    """Read, write one file per run, say where."""
    log = read(options)
    out = options.out or output.folder(options.paths, None) / "tensorboard"
    every = studies(log)
    written: set[Path] = set()
    for study in every:
        names = _names(study)
        for name, run in zip(names, study.log.runs.iter_rows(named=True), strict=True):
            metrics = study.log.metrics.filter(run_id=run["run_id"])
            series = scalars(metrics, run["format"] == "legacy")
            folder = output.made(out / study.slug / name)
            data = event_file(f"{study.slug}/{name}", run, series)
            written.add(output.grow(folder / EVENTS, data))
    earlier = sorted({*out.glob(f"*/*/{EVENTS}")} - written)
    output.warn(f"{path.parent}: from an earlier call, left unchanged" for path in earlier)
    print(f"wrote {counted(log.runs.height, 'run')} to {out}: tensorboard --logdir={out}")


def _names(study: Study) -> list[str]:
    """Name each run of a study by its configuration and seed; those that share both by run_id."""
    runs = study.log.runs
    names = [
        configuration if seed is None else f"{configuration}-seed{seed}"
        for configuration, seed in runs.select("configuration", "seed").rows()
    ]
    shared = {name for name in names if names.count(name) > 1}
    folders = [
        re.sub(r"[^\w.-]+|^\.+", "-", f"{name}-{run_id}" if name in shared else name)
        for name, run_id in zip(names, runs["run_id"], strict=True)
    ]
    alike = [folders[:place].count(folder) for place, folder in enumerate(folders)]
    return [
        f"{folder}-{number + 1}" if number else folder
        for folder, number in zip(folders, alike, strict=True)
    ]


def main() -> None:
    """Run `python -m analysis.to_tensorboard`."""
    run_command(_convert, Options, "to_tensorboard")


if __name__ == "__main__":
    main()
