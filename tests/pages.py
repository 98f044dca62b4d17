"""The READMEs, what they show as commands, and the lines of the published logs."""

import json
import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[1]
README, PUBLISHED, JOB, TOOLS = (
    (ROOT / folder / "README.md").read_text("utf-8")
    for folder in ("", "logs/reference", "biencoder", "analysis")
)

#: The page of the published runs without its line breaks.
WORDS = " ".join(PUBLISHED.split())

REFERENCE = ROOT / "logs" / "reference"

#: The held-out ones.
SPLITS = ("validation", "test")


def blocks(page, first_line):
    """The indented blocks that begin with `first_line`, as they would be typed."""
    found = re.findall(rf"^(    {first_line}.*\n(?:(?:    .*)?\n)*)", page, re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


def read_log(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def published(recipe):
    """The lines of each of a recipe's runs."""
    return [read_log(path) for path in sorted(REFERENCE.glob(f"{recipe}-*.jsonl"))]


def last(lines, **fields):
    """The last line of a run that has these fields."""
    return [line for line in lines if fields.items() <= line.items()][-1]


def row_of(name, shares):
    """A row of the table of results, to its end."""
    return f"{name} | {' | '.join(f'{100 * share:.1f}' for share in shares)} |"


def signed(share):
    """A difference of shares in points, as the pages write it: '−2.1'."""
    return f"{100 * share:+.1f}".replace("-", "−")


def evaluated(lines, split, metric, step=0):
    """A figure of a run at a step, by default before the first."""
    return last(lines, event="eval", split=split, step=step)[metric]


def are_flags_of(command, config):
    """Whether a command gives the values that a run's config holds."""
    flags = dict(re.findall(r"--(\w+)=([^\s\"]+)", command))
    flags.pop("log_dir", None)  # where the runs are to be repeated
    return bool(flags) and all(
        str(config[name]) == value
        if isinstance(config[name], bool | str)
        else config[name] == type(config[name])(value)
        for name, value in flags.items()
    )
