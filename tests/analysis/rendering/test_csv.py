import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
from single_study import one_study

from analysis.readers import logs
from analysis.rendering.csv import effects_csv, summary_csv
from analysis.schema import Log
from analysis.statistics.results import of_studies


def test_the_file_has_a_row_a_configuration_then_a_row_a_run(read: Callable[..., Log]) -> None:
    table = pl.read_csv(io.StringIO(summary_csv([one_study(read({"seed": 0}, {"seed": 1}))])))
    assert table["level"].to_list() == ["configuration", "run", "run"]
    assert table["run_id"].to_list() == [None, "r0", "r1"]
    assert set(table["best_validation"]) == {0.4}


def test_no_cell_is_a_formula_or_holds_a_control_character(
    runlog_lines: Callable[..., list[dict[str, Any]]], tmp_path: Path
) -> None:
    names = ("=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\x1b[31m\u202e=x", "plain", "1=2")
    names += ("\uff1d1", "\uff0b1", "\uff0d1", "\uff20SUM(A1)", "")
    for number, name in enumerate(names):
        lines = runlog_lines(run_id=name, seed=number)
        lines[0] |= {"config": {"data_dir": "=1+1"}, "variant": None}
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / f"{number}.jsonl").write_text(text, encoding="utf-8")
    text = summary_csv(of_studies(logs.read([tmp_path])))
    assert text.isprintable() or set(filter(lambda c: not c.isprintable(), text)) == {"\n"}
    table = pl.read_csv(io.StringIO(text), infer_schema=False)
    cells = {cell for row in table.rows() for cell in row if cell}
    assert {"'=cmd|' /C calc'!A0", "'+1", "'-1", "'@SUM(A1)", "\ufffd[31m\ufffd=x", "1=2"} <= cells
    assert not [cell for cell in cells if cell[0] in "=+@\t\r\uff1d\uff0b\uff0d\uff20"]
    assert table["study"][0] == "'=1+1"


def test_every_row_names_its_study(read: Callable[..., Log]) -> None:
    log = read({"config": {"data_dir": "here"}}, {"config": {"data_dir": "there"}})
    table = pl.read_csv(io.StringIO(summary_csv(of_studies(log))))
    assert table.select("study", "level").rows() == [
        (name, level) for name in ("here", "there") for level in ("configuration", "run")
    ]
    assert pl.read_csv(io.StringIO(effects_csv(of_studies(log)))).is_empty()
