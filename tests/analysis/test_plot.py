import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from figure_reading import INTERRUPTED

from analysis import plot
from analysis.rendering import table_rows
from analysis.schema import Log


def run_command(folder: Path, out: Path) -> str:
    """What the command printed; its last line says whether it imported what is slow or foreign."""
    code = (
        "import sys; sys.argv = ['plot', *sys.argv[1:]]\n"
        "from analysis import plot\n"
        "slow = ('torch', 'biencoder', 'matplotlib.pyplot', 'statsmodels')\n"
        "try: plot.main()\n"
        "finally: print([name for name in slow if name in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(folder), f"--out={out}"], capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_command_writes_both_kinds_of_picture_and_loads_nothing_slow(
    read_runs: Callable[..., Log], tmp_path: Path
) -> None:
    read_runs({}, {"relu": True})
    out = tmp_path / "results"
    printed = run_command(tmp_path, out)
    pictures = ("comparison", "convergence", "loss", "runs")
    expected = [f"{name}.{ending}" for name in pictures for ending in ("png", "svg")]
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [*expected, "summary.csv", "summary.md"]
    )
    assert printed.endswith("[]\n")
    assert "no difference shown" in printed
    assert "Health: nothing to note." in printed
    assert f"wrote {out / 'comparison.svg'}" in printed


def test_with_predictions_the_command_pairs_queries_and_writes_the_diagnosis(
    read_runs: Callable[..., Log], answered: Callable[..., None], tmp_path: Path
) -> None:
    read_runs(INTERRUPTED, INTERRUPTED | {"relu": True})
    answered("law", *["sport"] * 12)
    out = tmp_path / "results"
    printed = run_command(tmp_path, out)
    assert "ends higher than with_layernorm_relu: 92.3 % against 0.0 % (McNemar's" in printed
    assert table_rows.ERRORS_HEADING in printed
    assert "['statsmodels']" in printed  # McNemar's alone
    shares = pl.read_csv(out / "diagnosis.csv").filter(pl.col("group") == "sport")
    assert shares.select("configuration", "n", "share").rows() == [
        ("with_layernorm", 12, 1.0),
        ("with_layernorm_relu", 12, 0.0),
    ]
    assert {"diagnosis.png", "diagnosis.svg"} <= {path.name for path in out.iterdir()}


@pytest.mark.parametrize("flag", ["--smooth=0", "--smooth=x", "--smoth=3"])
def test_a_wrong_flag_answers_before_any_work(
    flag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["plot", str(tmp_path / "absent"), flag])
    with pytest.raises(SystemExit) as ended:
        plot.main()
    assert ended.value.code == 2
