"""Prints a run as the earlier system would have printed it.

python -m analysis.to_legacy logs/<run_id>.jsonl > with_relu.txt    # its name tells the variant
"""

from pydantic import Field

from analysis.commands import LogOptions, read, run_command
from analysis.rendering.legacy_text import legacy_text


class Options(LogOptions):
    """Print one run's JSONL log as a legacy text log: its losses, and top-1 after every epoch."""

    paths: list[str] = Field(["logs"], description="The log of one run; unset: logs.")


def _print(options: Options) -> None:
    """Read one log and print its run in the legacy format."""
    log = read(options, events=("step", "eval"))
    print(legacy_text(log), end="")


def main() -> None:
    """Run `python -m analysis.to_legacy`."""
    run_command(_print, Options, "to_legacy")


if __name__ == "__main__":
    main()
