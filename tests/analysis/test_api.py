"""The names for Python programs: their examples run on the published runs."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import examples
import polars as pl
import pytest
from matplotlib.figure import Figure

import analysis
from analysis import AnalysisError
from analysis.rendering.axes import new_axes

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "logs" / "reference"


@pytest.fixture(scope="module")
def log():
    return analysis.read([REFERENCE / "strong-*.jsonl"])


@pytest.fixture
def two_studies():
    return analysis.read([REFERENCE, *(REFERENCE / "context" / "0.1").glob("*.jsonl")])


def test_every_name_has_an_example_and_all_of_them_run(tmp_path, monkeypatch):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "reference").symlink_to(REFERENCE)
    monkeypatch.chdir(tmp_path)
    functions = [
        getattr(analysis, name) for name in analysis.__all__ if name not in ("Log", "AnalysisError")
    ]
    source = examples.run(analysis, *functions, read=analysis.read)
    for name in analysis.__all__:
        assert re.search(rf"\b{name}\b|\b{name.lower()}\b", source), name
    assert (tmp_path / "effects.png").stat().st_size


def test_a_path_need_not_be_in_a_list(log):
    assert analysis.read(f"{REFERENCE}/strong-*.jsonl").runs.equals(log.runs)
    with pytest.raises(AnalysisError, match="absent: no such file or folder"):
        analysis.read(Path("absent"))


@pytest.mark.parametrize(
    ("name", "arguments", "has_lines"),
    [
        ("plot_effects", [], False),
        ("plot_measure", ["area"], False),
        ("plot_curves", [], True),
        ("plot_loss", ["with_relu"], True),
    ],
)
def test_a_picture_has_room_for_its_labels_and_a_legend_of_its_lines(
    log, name, arguments, has_lines
):
    ax = getattr(analysis, name)(log, *arguments)
    ax.figure.draw_without_rendering()
    assert all(label.get_window_extent().x0 >= 0 for label in ax.get_yticklabels())
    assert (ax.get_legend() is not None) == has_lines
    given = getattr(analysis, name)(log, *arguments, ax=Figure().subplots())
    assert given.get_legend() is None  # who gives axes may want one for several


def test_importing_it_imports_neither_torch_nor_matplotlib():
    program = "import sys, analysis\nprint({'torch', 'matplotlib'} & sys.modules.keys())"
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT
    )
    assert answer.stdout == "set()\n"


def test_a_measure_without_effects_is_refused(log):
    with pytest.raises(AnalysisError, match="'test_without_hubness': this study has no effects"):
        analysis.plot_effects(
            replace(log, predictions=log.predictions.clear()), "test_without_hubness"
        )


def test_curves_of_a_split_that_nobody_evaluated_are_refused(log):
    metrics = log.metrics.filter(pl.col("split").ne_missing("training"))
    with pytest.raises(AnalysisError, match="'training': this study has no evaluations of it"):
        analysis.plot_curves(replace(log, metrics=metrics), "training")


def test_tables_name_the_study_of_each_row(two_studies):
    table = analysis.summarise(two_studies)
    assert table.columns[:2] == ["study", "configuration"]
    assert table["study"].n_unique() > 1
    assert set(analysis.effects(two_studies)["study"]) <= set(table["study"])


PICTURES = {
    "effects": lambda log, **more: analysis.plot_effects(log, "area", **more),
    "curves": lambda log, **more: analysis.plot_curves(log, "test", **more),
    "measure": lambda log, **more: analysis.plot_measure(log, "area", **more),
    "loss": lambda log, **more: analysis.plot_loss(log, "with_layernorm_relu", **more),
}


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
def test_a_picture_is_drawn_on_the_axes_that_are_given(log, draw):
    ax = new_axes()
    assert draw(log, ax=ax) is ax
    assert ax.has_data()
    assert isinstance(draw(log).figure, Figure)


@pytest.mark.parametrize("draw", PICTURES.values(), ids=PICTURES)
def test_of_several_studies_one_is_named(two_studies, draw):
    names = analysis.summarise(two_studies)["study"].unique(maintain_order=True).to_list()
    with pytest.raises(AnalysisError, match="study=None: name one of '") as raised:
        draw(two_studies)
    assert all(repr(name) in str(raised.value) for name in names)
    assert draw(two_studies, study=names[0]).has_data()


@pytest.mark.parametrize(
    "draw", [analysis.plot_effects, analysis.plot_curves, analysis.plot_measure, analysis.plot_loss]
)
def test_a_name_that_there_is_not_is_answered_by_those_there_are(log, draw):
    with pytest.raises(AnalysisError, match="'tets': name one of "):
        draw(log, "tets")
