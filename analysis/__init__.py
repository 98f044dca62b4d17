"""Reads run logs into tidy tables, and makes summaries, effects, pictures and a report of them.

Reads the JSONL run logs of `train` and the text logs of the earlier system. Needs no torch and
imports nothing from `biencoder`: the two packages meet in the log format alone.

>>> import analysis
>>> log = analysis.read(["logs/reference/strong-*.jsonl"])
>>> isinstance(log, analysis.Log)
True
>>> analysis.summarise(log)["configuration"].to_list()
['with_layernorm', 'with_layernorm_relu', 'with_relu', 'without_layernorm_relu']
>>> ax = analysis.plot_effects(log)
>>> ax.figure.savefig("effects.png")
>>> try:
...     analysis.read(["nowhere"])
... except analysis.AnalysisError as error:
...     print(error)
nowhere: ...
"""

import sys

if sys.argv[:1] == ["-m"]:  # a command starts: a missing package is reported in one line
    import commandline  # noqa: F401

from analysis.api import effects, plot_curves, plot_effects, plot_loss, plot_measure, summarise
from analysis.errors import AnalysisError
from analysis.readers.logs import read
from analysis.schema import Log

__all__ = [
    "AnalysisError",
    "Log",
    "effects",
    "plot_curves",
    "plot_effects",
    "plot_loss",
    "plot_measure",
    "read",
    "summarise",
]
