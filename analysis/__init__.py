"""Reads run logs into tidy tables, and makes of them tables, effects, pictures and a report.

Reads the JSONL run logs of `train` and the text logs of the earlier system. Needs no torch and
imports nothing from `biencoder`: the two packages meet in the log format alone.
"""

import sys

if sys.argv[:1] == ["-m"]:  # a command begins: what is not installed is one line
    import commandline  # noqa: F401
