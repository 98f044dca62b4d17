"""Made-up runs for the tests of statistics."""

from collections.abc import Callable
from functools import partial

import pytest
from made_up_runs import CURVE

from analysis.schema import Log


@pytest.fixture
def read(read_runs: Callable[..., Log]) -> Callable[..., Log]:
    """`read(run, …)`: `read_runs` with the made-up curve as top-1 of each run."""
    return partial(read_runs, top1=CURVE)
