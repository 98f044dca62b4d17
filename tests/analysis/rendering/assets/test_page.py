"""The report in a real Chromium: what is drawn, what hovering shows, what switches and sorts."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from browser import MISSING, Browser
from figure_reading import scaled

from analysis.rendering import html, html_live, output
from analysis.schema import Log
from analysis.statistics.epochs import with_fractions
from analysis.statistics.progress import progress
from analysis.statistics.results import of_studies

pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

WIDTHS = [1400, 390]

#: A box that switches something on or off.
SWITCH = "document.querySelector(`input[data-switch='${arguments[0]}'][value='${arguments[1]}']`)"

#: The traces of a panel that are to be seen, by name.
SEEN = """
const chart = document.querySelectorAll(`[id="${arguments[0]}"] .chart`)[arguments[1]];
return chart.data.filter((trace) => trace.visible !== false).map((trace) => trace.name);
"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture
def report(read: Callable[..., Log], tmp_path: Path) -> Path:
    """A report of two studies: four runs of two variants, and one run on another corpus."""
    log = read(
        *(
            {"seed": seed, "relu": relu, "top1": scaled(1 - (relu + seed) / 5)}
            for relu in (True, False)
            for seed in (0, 1)
        ),
        {"config": {"data_dir": "there"}, "top1": scaled(0.5)},
    )
    path = tmp_path / "report.html"
    path.write_bytes(html.page(log, of_studies(log)))
    return path


def draw_all(browser: Browser) -> int:
    """Scroll to each chart, so that all are drawn; returns how many there are."""
    count = browser.run("return document.querySelectorAll('.chart').length")
    for number in range(count):
        browser.run(
            "document.querySelectorAll('.chart')[arguments[0]].scrollIntoView({block: 'center'})",
            number,
        )
        browser.wait(
            "return document.querySelectorAll('.chart')[arguments[0]].querySelector('.main-svg')",
            number,
        )
    return int(count)


def checkbox(browser: Browser, kind: str, value: str) -> None:
    """Click a box that switches something on or off."""
    browser.run(f"{SWITCH}.click()", kind, value)


def rows(browser: Browser, table: str, column: int) -> list[Any]:
    """The texts of a column of those rows of a table that are to be seen."""
    found = browser.run(
        "return [...document.getElementById(arguments[0]).tBodies[0].rows]"
        ".filter((row) => row.offsetParent).map((row) => row.cells[arguments[1]].textContent)",
        table,
        column,
    )
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(("width", "dark"), [(1400, False), (390, True)])
def test_every_chart_is_drawn_within_the_page_and_the_console_stays_empty(
    browser: Browser, report: Path, width: int, dark: bool
) -> None:
    browser.open(report, width, dark=dark)
    assert draw_all(browser) == 10 + 8
    sizes = browser.run(
        "return [...document.querySelectorAll('.chart .main-svg')].map((svg) => "
        "[svg.getBoundingClientRect().right, svg.getBoundingClientRect().height])"
    )
    assert all(right <= width and height > 100 for right, height in sizes)
    assert browser.run("return document.documentElement.scrollWidth") <= width
    ink = browser.run("return getComputedStyle(document.querySelector('.chart .xtick text')).fill")
    assert ink == ("rgb(232, 232, 232)" if dark else "rgb(27, 27, 27)")
    assert browser.console() == []


@pytest.mark.parametrize("width", WIDTHS)
def test_hovering_over_a_point_shows_its_value(browser: Browser, report: Path, width: int) -> None:
    browser.open(report, width)
    x, y = browser.wait(
        "const panel = document.querySelectorAll('#sample-corpus-curves .panel')[2];"
        "panel.scrollIntoView({block: 'center'});"
        "const points = panel.querySelectorAll('.points path');"
        "if (!points.length) return null;"
        "const box = points[points.length - 1].getBoundingClientRect();"
        "return [box.x + box.width / 2, box.y + box.height / 2]"
    )
    browser.point(x, y)
    text = browser.wait(
        "return [...document.querySelectorAll('.hoverlayer .hovertext')]"
        ".map((label) => label.textContent).join(' ')"
    )
    assert "with_layernorm_relu, mean of 2 runs: 24.5% after 3 epochs" in text
    browser.point(1, 1)
    assert browser.console() == []


def test_arrow_keys_read_the_points_of_a_chart(browser: Browser, report: Path) -> None:
    browser.open(report)
    browser.wait("return document.querySelector('#sample-corpus-curves .main-svg')")
    browser.run("document.querySelectorAll('#sample-corpus-curves .chart')[1].focus()")
    said = "return document.querySelectorAll('#sample-corpus-curves .said')[1].textContent"
    for key, text in (
        ("ArrowRight", "untrained encoder: 0.0%"),
        ("ArrowDown", "run r2: 0.0% after 0 epochs"),
        ("ArrowRight", "run r2: 30.0% after 1 epochs"),
        ("ArrowUp", "untrained encoder: 0.0%"),
    ):
        browser.press(key)
        browser.wait(f"{said} === arguments[0]", text)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_variant_that_is_switched_off_leaves_tables_and_charts(
    browser: Browser, report: Path, width: int
) -> None:
    browser.open(report, width)
    draw_all(browser)
    checkbox(browser, "variant", "with_layernorm")
    assert rows(browser, "sample-corpus-runs", 2) == ["with_layernorm_relu"] * 2
    seen = browser.run(SEEN, "sample-corpus-curves", 1)
    assert seen == ["untrained encoder", "r0", "r1", "with_layernorm_relu"]
    assert (
        browser.run(
            "return [...document.querySelectorAll('#sample-corpus-loss .panel')]"
            ".filter((panel) => panel.offsetParent).length"
        )
        == 2
    )  # its own loss is gone, the share of hard negatives stays
    browser.run("document.getElementById('everything').click()")
    assert len(rows(browser, "sample-corpus-runs", 2)) == 4
    assert browser.console() == []


def test_a_run_that_is_switched_off_leaves_the_charts_and_stays_in_its_table(
    browser: Browser, report: Path
) -> None:
    browser.open(report)
    draw_all(browser)
    checkbox(browser, "run", "r1")
    seen = browser.run(SEEN, "sample-corpus-curves", 2)
    assert "r0" in seen
    assert "r1" not in seen
    assert len(rows(browser, "sample-corpus-runs", 1)) == 4
    browser.run("document.getElementById('everything').click()")


def test_a_study_that_is_switched_off_is_hidden_and_stays_so_when_the_page_is_read_again(
    browser: Browser, report: Path
) -> None:
    browser.open(report)
    hidden = "return document.querySelector('section[data-study=there]').hidden"
    assert not browser.run(hidden)
    checkbox(browser, "study", "there")
    assert browser.run(hidden)
    browser.open(report)
    assert browser.run(hidden)
    assert not browser.run("return document.querySelector('input[value=there]').checked")
    browser.run("document.getElementById('everything').click()")
    assert not browser.run(hidden)


def test_a_heading_sorts_its_table_by_number_and_again_the_other_way(
    browser: Browser, report: Path
) -> None:
    browser.open(report)
    click = (
        "document.querySelectorAll('#sample-corpus-runs th button')[arguments[0]].click();"
        "return document.querySelectorAll('#sample-corpus-runs th')[arguments[0] + 1].ariaSort"
    )
    before = rows(browser, "sample-corpus-runs", 1)
    assert browser.run(click, 0) == "ascending"
    assert rows(browser, "sample-corpus-runs", 1) == sorted(before)
    assert browser.run(click, 0) == "descending"
    assert rows(browser, "sample-corpus-runs", 1) == sorted(before, reverse=True)
    numbers = ["–", "1,287", "9.5 ± 1", "−2", "10"]
    ordered = browser.run(
        "const body = document.getElementById('there-runs').tBodies[0], row = body.rows[0];"
        "body.replaceChildren(...arguments[0].map((text) => {"
        "const copy = row.cloneNode(true); copy.cells[1].textContent = text; return copy; }));"
        "document.querySelectorAll('#there-runs th button')[0].click();"
        "return [...body.rows].map((one) => one.cells[1].textContent)",
        numbers,
    )
    assert ordered == ["−2", "9.5 ± 1", "10", "1,287", "–"]


def test_the_theme_can_be_another_than_the_systems(browser: Browser, report: Path) -> None:
    browser.open(report, dark=False)
    paper = "return getComputedStyle(document.body).backgroundColor"
    assert browser.run(paper) == "rgb(255, 255, 255)"
    choose = (
        "const theme = document.getElementById('theme'); theme.value = arguments[0];"
        "theme.dispatchEvent(new Event('change', {bubbles: true}))"
    )
    browser.run(choose, "dark")
    assert browser.run(paper) == "rgb(21, 23, 26)"
    browser.run(choose, "")
    assert browser.run(paper) == "rgb(255, 255, 255)"


def test_on_paper_every_chart_is_drawn_within_its_panel(browser: Browser, report: Path) -> None:
    browser.open(report)
    browser.run("dispatchEvent(new Event('beforeprint'))")
    sizes = browser.run(
        "return [...document.querySelectorAll('.chart')].map((chart) =>"
        "[chart.clientWidth, chart.querySelector('.main-svg').clientWidth])"
    )
    assert all(200 < panel < 1000 and svg == panel for panel, svg in sizes)
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert browser.console() == []


def test_the_policy_lets_no_other_script_run(browser: Browser, report: Path) -> None:
    page = report.read_text("utf-8")
    report.write_text(page.replace("</h1>", "</h1><script>window.hacked = 1</script>", 1), "utf-8")
    browser.open(report)
    assert not browser.run("return window.hacked")
    assert any("Content Security Policy" in line for line in browser.console())


def click_off(box: str) -> str:
    """A script that clicks a box off, once the page's own script has run."""
    return (
        "if (document.readyState !== 'complete') return false;"
        f"if ({box}.checked) {box}.click(); return !{box}.checked"
    )


def test_while_runs_go_on_the_page_reads_itself_again_and_keeps_what_was_chosen(
    browser: Browser, read: Callable[..., Log], tmp_path: Path
) -> None:
    log = read({}, {"relu": True, "status": None}, config={"batch_size": 2}, steps=(10, 20))
    told, placed = progress(log.runs, log.metrics), with_fractions(log.runs, log.metrics)
    every, path = of_studies(log), tmp_path / "report.html"

    def write(name: str) -> None:
        live = html_live.in_progress(told, placed, datetime.now(), 2)
        page = html.document(html.opening(every), [*map(html.study, every), f"<p>{name}</p>"], live)
        output.write(path, page)  # whole, since it is read at any time

    seen = """
        const text = document.querySelector('main > p:last-of-type')?.textContent;
        const rows = [...document.querySelectorAll('[data-variant=with_layernorm]')];
        return text === arguments[0] && rows.every((row) => row.hidden === arguments[1]);
    """
    write("first")
    browser.open(path)
    browser.wait(seen, "first", False)
    browser.wait(click_off(SWITCH), "variant", "with_layernorm")
    write("second")
    browser.wait(seen, "second", True)
    browser.wait(click_off("document.getElementById('follow')"))
    browser.wait("return document.querySelector('#progress .main-svg')")
    browser.wait("sessionStorage.clear(); return true")
    assert browser.console() == []
