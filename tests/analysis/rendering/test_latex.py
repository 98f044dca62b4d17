import re
from collections.abc import Callable
from dataclasses import replace

import polars as pl

from analysis.rendering import latex
from analysis.schema import Log
from analysis.statistics.results import of_studies


def test_each_study_has_a_table_of_booktabs_with_a_row_a_configuration(
    read: Callable[..., Log],
) -> None:
    log = read({"seed": 0}, {"seed": 1}, {"relu": True}, {"config": {"data_dir": "there"}})
    text = latex.summary_latex(of_studies(log))
    tables = [table for table in text.split("\\begin{table}") if "\nconfiguration &" in table]
    assert len(tables) == 2
    for table, rows in zip(tables, (2, 1), strict=True):
        head, body = re.split(r"\\midrule\n", table)
        assert "\\toprule\nconfiguration & runs & validation \\% & test \\% &" in head
        assert body.count("\\\\\n") == rows
        assert "\\bottomrule\n\\end{tabular}\n\\end{table}" in body
        columns = re.search(r"\\begin{tabular}{(l+r+)}", head)
        assert columns
        assert {line.count(" & ") for line in body.split("\\\\\n")[:rows]} == {len(columns[1]) - 1}
    assert "with\\_layernorm & 2 & 30.0 $\\pm$ 0.0 & " in tables[0]


def test_effects_are_a_table_with_intervals(experiment: Callable[..., Log]) -> None:
    hits = {seed: [1, 0, 1, seed % 2, 1, 0] for seed in range(3)}
    less = {seed: [0, 0, 1, 0, seed % 2, 0] for seed in range(3)}
    log = experiment(
        {(False, False): less, (False, True): hits, (True, False): less, (True, True): hits},
        status="failed",
    )
    text = latex.summary_latex(of_studies(log))
    assert "percentage points of top-1 & test & area under the curve & p (Holm, test) \\\\" in text
    (relu,) = re.findall(r"^ReLU & .*$", text, re.MULTILINE)
    assert re.fullmatch(r"ReLU & \+33.3 \[.*\] & \+0.0.* & \d\.\d{3} \\\\", relu)
    (results,) = of_studies(log)
    vars(results)["effects"] = results.effects.with_columns(p_holm=pl.lit(3e-5))
    assert "\\textless{} 0.001" in latex.summary_latex([results])


def test_an_effect_that_a_measure_lacks_is_a_dash(experiment: Callable[..., Log]) -> None:
    hits = {
        (False, False): [0, 1],
        (False, True): [1, 1],
        (True, True): [1, 0],
        (True, False): None,
    }
    log = experiment({cell: {0: of_run} for cell, of_run in hits.items()})
    told = log.predictions.with_columns(head_hit=~pl.col("hit"))
    text = latex.summary_latex(of_studies(replace(log, predictions=told)))
    assert "& test & area under the curve & test, without hubness &" in text
    assert "LayerNorm & -- & +0.0 & -- & -- \\\\" in text
    assert "ReLU (LayerNorm off) & +50.0 & -- & $-$50.0 & -- \\\\" in text


def test_nothing_in_a_cell_acts_as_latex(read: Callable[..., Log]) -> None:
    name = r"\input{x} 50% _^~#$&{}"
    text = latex.summary_latex(of_studies(read({"config": {"data_dir": name}})))
    assert "\\input" not in text
    (caption,) = re.findall(r"\\caption{(.*?): 1 run", text)
    assert caption == (
        r"\textbackslash{}input\{x\} 50\% \_\textasciicircum{}\textasciitilde{}\#\$\&\{\}"
    )
