"""Prints a run as the earlier system would have printed it.

python -m analysis.to_legacy logs/<run_id>.jsonl > with_relu.txt    # its name tells the variant
"""

from pydantic import BaseModel, ConfigDict, Field

import commandline
from analysis.errors import AnalysisError
from analysis.readers import logs
from analysis.rendering import output, text
from analysis.rendering.legacy_text import legacy_text


class Options(BaseModel):
    """Print one run's JSONL log as a legacy text log: its losses, and top-1 after every epoch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    paths: list[str] = Field(["logs"], description="The log of one run; unset: logs.")


def _print(options: Options) -> None:
    """Read one log and print its run in the legacy format."""
    log = logs.read(options.paths, events=("step", "eval"))
    output.warn(text.reader_notes(log))
    print(legacy_text(log), end="")


def main() -> None:
    """Run `python -m analysis.to_legacy`."""
    commandline.main(
        _print,
        Options,
        prog="python -m analysis.to_legacy",
        failures=(AnalysisError,),
        positional="paths",
    )


if __name__ == "__main__":
    main()
