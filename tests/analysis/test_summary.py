import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from figure_reading import INTERRUPTED

from analysis import summary
from analysis.schema import Log

Call = Callable[..., tuple[int, str, str]]


def test_the_files_have_every_run(
    read_runs: Callable[..., Log], tmp_path: Path, call: Call
) -> None:
    read_runs(*({"seed": seed} for seed in range(3)))
    call(summary.main, tmp_path)
    csv = pl.read_csv(tmp_path / "plots" / "summary.csv")
    assert csv["level"].to_list() == ["configuration", "run", "run", "run"]
    assert csv["best_validation"].to_list() == pytest.approx([0.375] * 4)
    whole = (tmp_path / "plots" / "summary.md").read_text(encoding="utf-8")
    assert all(f"| r{number} |" in whole for number in range(3))


def test_the_command_prints_and_writes_beside_the_logs(
    read_runs: Callable[..., Log],
    tmp_path: Path,
    call: Call,
) -> None:
    read_runs({})
    status, printed, _ = call(summary.main, tmp_path)
    assert status == 0
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == [
        "summary.csv",
        "summary.md",
        "summary.tex",
    ]
    assert "37.5" in printed


def test_it_says_what_plot_says_of_studies_that_differ_in_one_setting(
    read_runs: Callable[..., Log],
    answered: Callable[..., None],
    tmp_path: Path,
    call: Call,
) -> None:
    read_runs(*(INTERRUPTED | {"config": {"lr": lr}} for lr in (0.5, 0.25)))
    answered("law", "sport")
    _, printed, _ = call(summary.main, tmp_path)
    assert (
        "lr: 0.25 − 0.5 (sample corpus · lr 0.25 − sample corpus), on test: −50.0 percentage points"
        in printed
    )


def test_it_says_what_plot_says_of_a_runs_loss(
    read_runs: Callable[..., Log], tmp_path: Path, call: Call
) -> None:
    read_runs({})
    (log,) = tmp_path.glob("*.jsonl")
    nowhere = '"loss": null, "nonfinite": ["loss"]'
    log.write_text(re.sub(r'"loss": [\d.]+', nowhere, log.read_text("utf-8")), "utf-8")
    _, printed, _ = call(summary.main, tmp_path)
    assert "loss is NaN or infinite" in printed


def test_a_wrong_flag_answers_before_any_work(tmp_path: Path, call: Call) -> None:
    status, _, printed = call(summary.main, tmp_path / "absent", "--ouf=x")
    assert status == 2
    assert "did you mean --out?" in printed


def test_a_folder_that_cannot_be_written_is_named(
    read_runs: Callable[..., Log],
    tmp_path: Path,
    call: Call,
) -> None:
    read_runs({})
    (tmp_path / "file").write_text("in the way")
    status, _, printed = call(summary.main, tmp_path, f"--out={tmp_path / 'file'}")
    assert status == 1
    assert f"{tmp_path / 'file'}: cannot make this folder" in printed
