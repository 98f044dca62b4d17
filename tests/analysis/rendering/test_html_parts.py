import json

from analysis.rendering import html_parts
from analysis.rendering.charts.chart import Chart, Key, Panel


def test_a_table_with_a_name_has_headings_that_sort_it() -> None:
    cells = [["run", "top-1"], ["a<b", "1"]]
    assert "aria-sort" not in html_parts.table(cells)
    named = html_parts.table(cells, name="runs")
    assert '<table id="runs">' in named
    assert named.count('<th aria-sort="none"><button>') == 2
    assert "<td>a&lt;b</td>" in named


def test_a_row_of_a_run_has_a_box_that_switches_it_off() -> None:
    marks = [{"variant": "with_relu", "run": "a"}]
    found = html_parts.table([["run"], ["a"]], name="runs", marks=marks)
    assert '<tr data-variant="with_relu" data-run="a"><td><input type="checkbox"' in found
    assert 'value="a" checked aria-label="draw a"' in found
    assert "<th>drawn</th>" in found


def test_data_can_end_no_script() -> None:
    text = html_parts.data({"name": "</script><!--"})
    assert "<" not in text
    assert json.loads(text) == {"name": "</script><!--"}


def test_a_chart_has_its_sentence_its_legend_and_a_label_a_panel() -> None:
    panels = [Panel("test", [{"x": [1]}], {"a": 1}, variant="with_relu"), Panel("b", [], {})]
    chart = Chart("curves", "Head", "It rises.", "Line: a mean.", panels, [Key("●", "red", "<x>")])
    written = html_parts.chart(chart, "study-curves")
    assert written.startswith('<figure id="study-curves"><h3>Head</h3><figcaption>It rises. ')
    assert "&lt;x&gt;</li>" in written
    assert 'aria-label="test. It rises. Arrow keys read the points."' in written
    assert '<div class="panel" data-variant="with_relu">' in written
    assert '{"data":[{"x":[1]}],"layout":{"a":1}}' in written
    assert written.count('<output class="said" aria-live="polite">') == 2


def test_nothing_is_written_for_an_empty_paragraph_or_list() -> None:
    assert html_parts.paragraph("") == html_parts.bullets([]) == ""
