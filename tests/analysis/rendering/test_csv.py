import io
from collections.abc import Callable

import polars as pl
from single_study import one_study

from analysis.rendering.csv import effects_csv, summary_csv
from analysis.schema import Log
from analysis.statistics.results import of_studies


def test_the_file_has_a_row_a_configuration_then_a_row_a_run(read: Callable[..., Log]) -> None:
    table = pl.read_csv(io.StringIO(summary_csv([one_study(read({"seed": 0}, {"seed": 1}))])))
    assert table["level"].to_list() == ["configuration", "run", "run"]
    assert table["run_id"].to_list() == [None, "r0", "r1"]
    assert set(table["best_validation"]) == {0.4}


def test_every_row_names_its_study(read: Callable[..., Log]) -> None:
    log = read({"config": {"data_dir": "here"}}, {"config": {"data_dir": "there"}})
    table = pl.read_csv(io.StringIO(summary_csv(of_studies(log))))
    assert table.select("study", "level").rows() == [
        (name, level) for name in ("here", "there") for level in ("configuration", "run")
    ]
    assert pl.read_csv(io.StringIO(effects_csv(of_studies(log)))).is_empty()
