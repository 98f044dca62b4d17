"""The READMEs, what they show as commands, and the lines of a published log."""

import json
import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[1]
README, PUBLISHED, JOB, TOOLS = (
    (ROOT / folder / "README.md").read_text("utf-8")
    for folder in ("", "logs/reference", "biencoder", "analysis")
)


def blocks(page, first_line):
    """The indented blocks that begin with `first_line`, as they would be typed."""
    found = re.findall(rf"^(    {first_line}.*\n(?:(?:    .*)?\n)*)", page, re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


def read_log(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
