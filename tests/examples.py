"""Runs the examples in docstrings."""

import doctest
import sys
from types import ModuleType
from typing import Any

import pytest


def run(*documented: Any, **names: Any) -> str:
    """Run the examples of objects, in order and each by itself, with `names` known beside those of
    its own module; return them. A module is its own docstring alone.
    """
    finder, source = doctest.DocTestFinder(recurse=False), ""
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.REPORT_NDIFF)
    said: list[str] = []
    for thing in documented:
        known = {} if isinstance(thing, ModuleType) else dict(vars(sys.modules[thing.__module__]))
        for test in finder.find(thing, thing.__name__, globs=known | names):
            runner.run(test, out=said.append)
            source += "".join(example.source for example in test.examples)
    if runner.failures:
        pytest.fail("".join(said))
    return source
