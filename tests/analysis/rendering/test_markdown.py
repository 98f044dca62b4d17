from collections.abc import Callable

from analysis.rendering import effect_text, markdown, notes, table_rows
from analysis.schema import Log
from analysis.statistics.results import of_studies


def test_nothing_in_a_cell_acts_as_markdown() -> None:
    assert "a\\|b \\<script\\>" in markdown.markdown([["head"], ["a|b <script>"]])
    assert markdown.escaped("_x_ ~~y~~ &amp; $z$") == "\\_x\\_ \\~\\~y\\~\\~ \\&amp; \\$z\\$"
    assert markdown.escaped("with_relu") == "with_relu"  # which is no markup, and read as it is


def test_no_name_of_a_study_acts_as_markdown(read: Callable[..., Log]) -> None:
    text = markdown.summary_markdown(of_studies(read({"config": {"data_dir": "[x](y) <b>"}})))
    assert "\n## \\[x\\](y) \\<b\\>: 1 run" in text


def test_each_study_has_a_part_that_names_its_own_runs_alone(read: Callable[..., Log]) -> None:
    log = read(
        {"config": {"data_dir": "here"}, "run_id": "a"},
        {"config": {"data_dir": "there"}, "run_id": "b", "relu": True},
    )
    head, here, there = markdown.summary_markdown(of_studies(log)).split("\n## ")[:3]
    assert head.startswith("# Summary")
    for part, name, own, other in ((here, "here", "a", "b"), (there, "there", "b", "a")):
        assert part.startswith(f"{name}: 1 run of 1 configuration")
        assert effect_text.NOTHING in part
        assert f"\n| {own} |" in part
        assert f"\n| {other} |" not in part


def test_the_notes_on_a_study_stand_beside_its_figures(read: Callable[..., Log]) -> None:
    log = read({"run_id": "whole"}, {"run_id": "a*b", "relu": True, "status": "stopped"})
    (results,) = of_studies(log)
    (note,) = notes.of_study(results)
    assert note.startswith("Not counted: a*b: ")
    assert f"\n\n- {markdown.escaped(note)}\n\n" in markdown.summary_markdown([results])


def test_every_column_is_defined_once_for_all_studies(read: Callable[..., Log]) -> None:
    log = read({"config": {"data_dir": "here"}}, {"config": {"data_dir": "there"}})
    columns = markdown.summary_markdown(of_studies(log)).split("\n## Columns\n")[1]
    assert columns.count(table_rows.NOTATION) == columns.count("- area: ") == 1
