import io
from collections.abc import Callable

import polars as pl
from single_study import one_study

from analysis.rendering.csv import summary_csv
from analysis.schema import Log


def test_the_file_has_a_row_a_configuration_then_a_row_a_run(read: Callable[..., Log]) -> None:
    table = pl.read_csv(io.StringIO(summary_csv(one_study(read({"seed": 0}, {"seed": 1})))))
    assert table["level"].to_list() == ["configuration", "run", "run"]
    assert table["run_id"].to_list() == [None, "r0", "r1"]
    assert set(table["best_validation"]) == {0.4}
