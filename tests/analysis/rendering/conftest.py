"""Made-up runs and answers for the tests of rendering."""

from collections.abc import Callable
from functools import partial

import pytest
from figure_reading import CURVE

from analysis.schema import Log


@pytest.fixture
def read(read_runs: Callable[..., Log]) -> Callable[..., Log]:
    """`read(run, …)`: `read_runs` with the made-up curve as top-1 of each run."""
    return partial(read_runs, top1=CURVE)
