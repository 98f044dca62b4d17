import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from figure_reading import INTERRUPTED

from analysis import plot
from analysis.schema import Log

ROOT = Path(__file__).parents[2]


def run_command(folder: Path, out: Path, *flags: str) -> str:
    """What the command printed; its last line says whether it imported what is slow or foreign."""
    code = (
        "import sys; sys.argv = ['plot', *sys.argv[1:]]\n"
        "from analysis import plot\n"
        "slow = ('torch', 'biencoder', 'matplotlib.pyplot')\n"
        "try: plot.main()\n"
        "finally: print([name for name in slow if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(folder), f"--out={out}", *flags]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_command_writes_pictures_as_png_and_svg_and_single_runs_as_png(
    read_runs: Callable[..., Log], tmp_path: Path
) -> None:
    read_runs({}, {"relu": True})
    out = tmp_path / "results"
    printed = run_command(tmp_path, out)
    (folder,) = (path for path in out.iterdir() if path.is_dir())
    both = ("convergence", "curves", "effects", "loss")
    pictures = [f"{name}.{ending}" for name in both for ending in ("png", "svg")]
    assert sorted(path.name for path in folder.iterdir()) == [*pictures, "runs.png"]
    tables = {"summary.csv", "summary.md", "summary.tex"}
    assert {path.name for path in out.iterdir()} == {folder.name, *tables, "effects.csv"}
    assert printed.endswith("[]\n")
    assert f"wrote {out}/: summary.{{csv,md,tex}}, effects.csv" in " ".join(printed.split())
    assert "convergence.{png,svg}" in printed


def test_with_predictions_the_command_estimates_effects_and_writes_the_error_analysis(
    read_runs: Callable[..., Log], answered: Callable[..., None], tmp_path: Path
) -> None:
    read_runs(INTERRUPTED, INTERRUPTED | {"relu": True})
    answered("law", *["sport"] * 12)
    out = tmp_path / "results"
    printed = run_command(tmp_path, out)
    assert (
        "On test, effects are described but not tested: the predictions of the variants share "
        "fewer than 3 seeds." in " ".join(printed.split())
    )
    assert "ReLU (LayerNorm on) on test: −92.3 percentage points, described." in printed
    shares = pl.read_csv(out / "error_analysis.csv").filter(pl.col("group") == "sport")
    assert shares.select("configuration", "n", "share").rows() == [
        ("with_layernorm", 12, 1.0),
        ("with_layernorm_relu", 12, 0.0),
    ]
    assert pl.read_csv(out / "effects.csv")["measure"].to_list() == ["test", "area"]
    assert [path.name for path in out.glob("*/effects.png")] == ["effects.png"]


def test_what_an_earlier_call_wrote_of_other_studies_is_named(
    read_runs: Callable[..., Log], tmp_path: Path
) -> None:
    out = tmp_path / "results"
    read_runs({}, {"relu": True})
    assert "earlier call" not in run_command(tmp_path, out)
    assert "earlier call" not in run_command(tmp_path, out)
    read_runs({"config": {"data_dir": "x"}}, {"config": {"data_dir": "x"}, "seed": 1})
    printed = " ".join(run_command(tmp_path, out).split())
    assert f"{out / 'sample-corpus'}: convergence.png, convergence.svg, curves.png and" in printed
    assert f"{out / 'effects.csv'}: from an earlier call, left unchanged" in printed


def test_a_picture_of_an_earlier_call_among_new_ones_is_named(
    read_runs: Callable[..., Log], tmp_path: Path
) -> None:
    out = tmp_path / "results"
    read_runs({}, {"relu": True})
    run_command(tmp_path, out)
    (out / "sample-corpus" / "runs-2.png").touch()
    printed = " ".join(run_command(tmp_path, out).split())
    assert f"{out / 'sample-corpus'}: runs-2.png from an earlier call, left unchanged" in printed


def test_somebody_elses_pictures_are_not_taken_for_ours(
    read_runs: Callable[..., Log], tmp_path: Path
) -> None:
    out = tmp_path / "results"
    read_runs({})
    (out / "photos").mkdir(parents=True)
    (out / "photos" / "cat.png").touch()
    assert "cat.png" not in run_command(tmp_path, out)


def test_one_run_alone_has_no_table_of_effects(
    read_runs: Callable[..., Log], tmp_path: Path
) -> None:
    read_runs({})
    run_command(tmp_path, tmp_path / "results")
    tables = {path.name for path in (tmp_path / "results").iterdir() if path.is_file()}
    assert tables == {"summary.csv", "summary.md", "summary.tex"}


def test_each_study_has_a_folder_and_a_text_of_its_own(
    read_runs: Callable[..., Log], answered: Callable[..., None], tmp_path: Path
) -> None:
    read_runs(*(INTERRUPTED | {"config": {"lr": lr}} for lr in (0.5, 0.25)))
    answered("law", "sport")
    out = tmp_path / "results"
    printed = run_command(tmp_path, out, "--target=15")
    folders = {path.name for path in out.iterdir() if path.is_dir()}
    assert folders == {"sample-corpus", "sample-corpus-lr-0-25"}
    assert all((out / folder / "runs.png").is_file() for folder in folders)
    assert printed.count("epochs to 15 %") == 2
    assert (
        "lr: 0.25 − 0.5 (sample corpus · lr 0.25 − sample corpus), on test: −50.0 percentage points"
        in printed
    )


def test_a_reader_that_leaves_early_finds_every_file(
    read_runs: Callable[..., Log], tmp_path: Path
) -> None:
    read_runs({})
    out = tmp_path / "out"
    # Unbuffered, so that the first line that is printed already meets the closed pipe.
    command = [sys.executable, "-u", "-m", "analysis.plot", str(tmp_path), f"--out={out}"]
    reader, writer = os.pipe()
    os.close(reader)
    subprocess.run(command, stdout=writer, stderr=subprocess.DEVNULL, cwd=ROOT)
    os.close(writer)
    written = [path for path in out.rglob("*") if path.is_file()]
    assert {path.name for path in written} >= {"summary.csv", "summary.md", "loss.svg", "runs.png"}
    for path in written:
        assert path.suffix != ".svg" or path.read_text("utf-8").endswith("</svg>\n"), path
        assert not path.name.endswith(".unfinished")


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "nonsense"])
@pytest.mark.parametrize("command", ["plot", "report"])
def test_pictures_are_drawn_whatever_backend_the_environment_names(
    read_runs: Callable[..., Log], tmp_path: Path, command: str, backend: str
) -> None:
    read_runs({})
    out = tmp_path / "out"
    words = [sys.executable, "-m", f"analysis.{command}", str(tmp_path), f"--out={out}"]
    environment = {**os.environ, "MPLBACKEND": backend}
    ended = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert ended.returncode == 0, ended.stderr
    assert list(out.rglob("runs.png")) or (out / "report.html").is_file()


@pytest.mark.parametrize("flag", ["--smooth=0", "--smooth=x", "--smoth=3", "--target=0"])
def test_a_wrong_flag_answers_before_any_work(
    flag: str, tmp_path: Path, call: Callable[..., tuple[int, str, str]]
) -> None:
    status, _, _ = call(plot.main, tmp_path / "absent", flag)
    assert status == 2
