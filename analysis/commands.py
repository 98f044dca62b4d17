"""What the commands of this package share: the logs they read, where they write, how they end."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import NoReturn, TypeVar

from pydantic import BaseModel, ConfigDict, Field

import commandline
from analysis.errors import AnalysisError
from analysis.readers import logs
from analysis.rendering import output, text
from analysis.schema import Log


class LogOptions(BaseModel):
    """The logs that a command reads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    paths: list[str] = Field(["logs"], description="Log files, folders or globs; unset: logs.")


class FolderOptions(LogOptions):
    """The logs that a command reads, and the folder that it writes to."""

    out: Path | None = Field(
        None, description="Folder for the files; unset: plots/ beside the logs."
    )


Options = TypeVar("Options", bound=LogOptions)


def read(options: LogOptions, events: Collection[str] | None = None) -> Log:
    """Read a command's logs, and say on standard error what was left out of them."""
    log = logs.read(options.paths, events=events)
    output.warn(text.reader_notes(log))
    return log


def run_command(job: Callable[[Options], None], options: type[Options], name: str) -> NoReturn:
    """Run `python -m analysis.<name>`: `job` on the options that the command line spells."""
    commandline.main(
        job,
        options,
        prog=f"python -m analysis.{name}",
        failures=(AnalysisError,),
        positional="paths",
    )
