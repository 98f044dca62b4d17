import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analysis.readers import logs
from analysis.rendering import html, table_rows
from analysis.rendering.figures import error_analysis
from analysis.schema import Log
from analysis.statistics.results import of_studies


def page_of(log: Log) -> str:
    return html.page(log, of_studies(log))


HOSTILE = (
    "<script>window.hacked=1</script>\"'><img src=x onerror=alert(1)> --> ]]> &lt; " + "w" * 400
)


@pytest.fixture
def read(tmp_path: Path, runlog_lines: Callable[..., list[dict[str, Any]]]) -> Callable[..., Log]:
    """`read(run, …)`: each a dict of arguments of `runlog_lines`; written, and read as one Log.

    Under `more` a run gives further records, which stand before its last one.
    """

    def build(*runs: dict[str, Any]) -> Log:
        for number, run in enumerate(runs):
            more = run.pop("more", [])
            records = runlog_lines(**{"run_id": f"r{number}", **run})
            frame = {key: records[0][key] for key in ("run_id", "time", "schema")}
            records[-1:-1] = [{**frame, **record} for record in more]
            text = "".join(json.dumps(record) + "\n" for record in records)
            (tmp_path / f"r{number}.jsonl").write_text(text, encoding="utf-8")
        return logs.read([tmp_path])

    return build


class Tags(HTMLParser):
    """The elements of a page with their attributes, and all its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_holds_effects_pictures_tables_and_configs(read: Callable[..., Log]) -> None:
    tags = Tags(page_of(read({"seed": 0}, {"seed": 1}, {"relu": True, "seed": 0})))
    names = [tag for tag, _ in tags.found]
    assert names.count("svg") == names.count("figure") == 5
    assert names.count("details") == 3
    for words in (
        "3 runs of 2 configurations",
        "No effect on test can be estimated",
        "How studies differ",
        "Nothing to note.",
        "hard_ratio_start",
        "sdoc %",
        "the epoch, interpolated, at which v first reaches the target",
    ):
        assert words in tags.text, words
    assert '"init_from": null' not in tags.text  # the config says in words what decides


def test_the_answer_of_each_study_comes_first_and_in_bold(read: Callable[..., Log]) -> None:
    log = read({"config": {"data_dir": "here"}}, {"config": {"data_dir": "there"}})
    page = page_of(log)
    for name in ("here", "there"):
        part = page[page.index(f"<h2>{name}</h2>") :]
        assert part.index("<strong>No effect") < part.index("<figure>") < part.index("<table")
    assert "<td>corpus</td><td>here</td><td>there</td>" in page
    differences = page[page.index("How studies differ") : page.index("What the runs and")]
    assert differences.count("<tr>") == 2  # the heading and the corpus alone


def test_one_study_differs_from_no_other(read: Callable[..., Log]) -> None:
    assert "There is one study." in page_of(read({}, {"relu": True}))


def test_studies_that_differ_in_one_setting_are_compared(
    read: Callable[..., Log], answered: Callable[[str], None]
) -> None:
    answered("law")
    failed: dict[str, Any] = {"status": "failed"}
    page = page_of(read(failed | {"config": {"lr": 0.5}}, failed | {"config": {"lr": 0.25}}))
    name = "lr: 0.25 − 0.5 (sample corpus · lr 0.25 − sample corpus)"
    assert f"<li>{name}, on test: −100.0 points, described</li>" in page


@pytest.fixture
def answered(tmp_path: Path, predicted: Callable[..., pl.DataFrame]) -> Callable[[str], None]:
    """`answered(domain)`: predictions beside runs r0, which is right, and r1, which is wrong."""

    def build(domain: str) -> None:
        for run, answer in (("r0", None), ("r1", "sport/tax/pro/01/point")):
            given = {f"{domain}/tax/pro/01": answer}
            predicted(given).write_parquet(tmp_path / f"{run}.predictions.parquet")

    return build


def test_predictions_add_what_is_answered_as_table_and_picture(
    read: Callable[..., Log], answered: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(error_analysis, "FEWEST", 1)
    answered("law")
    page = page_of(read({"status": "failed"}, {"status": "failed", "relu": True}))
    tags = Tags(page)
    for words in (
        "Which points are answered, and what the wrong answers are.",
        table_rows.ERRORS_HEADING,
        "wrong answer from",
        "effects are described and not tested",
    ):
        assert words in tags.text, words
    assert "<td>domain</td><td>law</td><td>1</td><td>100.0 [" in page
    assert [tag for tag, _ in tags.found].count("figure") == 6
    assert page.count("<table") + page.count("<svg") == page.count('<div class="scroll"')


def test_without_predictions_nothing_is_said_of_answers(read: Callable[..., Log]) -> None:
    text = Tags(page_of(read({}, {"relu": True}))).text
    assert table_rows.ERRORS_HEADING not in text


def test_no_name_of_a_folder_becomes_markup(
    read: Callable[..., Log], answered: Callable[[str], None]
) -> None:
    hostile = HOSTILE.replace("/", "|")
    answered(hostile)
    tags = Tags(page_of(read({"status": "failed"}, {"status": "failed", "relu": True})))
    assert hostile in tags.text
    assert not {tag for tag, _ in tags.found} & {"script", "img"}


def test_nothing_is_loaded_from_elsewhere(read: Callable[..., Log]) -> None:
    tags = Tags(page_of(read({})))
    names = {tag for tag, _ in tags.found}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "base"}
    for _, attributes in tags.found:
        for name, value in attributes.items():
            if name in ("src", "href", "xlink:href"):
                assert str(value).startswith("#"), (name, value)
            assert not name.startswith("on")
    assert "@import" not in html.PAGE
    policy = [a["content"] for tag, a in tags.found if a.get("http-equiv")]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_no_text_of_a_log_becomes_markup(read: Callable[..., Log]) -> None:
    warning = {"event": "warning", "epoch": 1, "message": HOSTILE, "action": HOSTILE}
    log = read(
        {"config": {"encoder": HOSTILE, HOSTILE: [HOSTILE]}, "status": "failed", "more": [warning]},
        {"config": {"encoder": "a"}},
        {"config": {"encoder": "a"}, "seed": 1},
    )
    log.runs[0, "reason"] = HOSTILE
    log.runs[0, "variant"] = HOSTILE
    log = Log(log.runs, log.metrics, log.rejected, log.warnings, (HOSTILE,))
    page = page_of(log)
    tags = Tags(page)
    names = {tag for tag, _ in tags.found}
    assert not names & {"script", "img"}
    assert not any(name.startswith("on") for _, attributes in tags.found for name in attributes)
    # Configuration, warning, note, reason, config: what is not drawn stands there word for word.
    assert tags.text.count(HOSTILE) >= 8
    assert "<!--" not in re.sub(r"<!-- [^<>]* -->", "", page)


def test_pictures_take_the_ink_of_the_page(read: Callable[..., Log]) -> None:
    page = page_of(read({}))
    figures = page[page.index("<figure>") :]
    assert "var(--ink)" in figures
    assert "#1b1b1b" not in figures
    assert "fill: #ffffff" not in figures  # no sheet of white paper under them


def test_every_table_and_picture_scrolls_within_its_own_container(read: Callable[..., Log]) -> None:
    page = page_of(read({}))
    assert page.count("<table") + page.count("<svg") == page.count('<div class="scroll"')


def test_broken_lines_and_notes_of_the_readers_are_told(
    read: Callable[..., Log], tmp_path: Path
) -> None:
    read({})
    path = tmp_path / "r0.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[5] = lines[5][:20]
    path.write_text("\n".join(lines) + '\n{"torn', encoding="utf-8")
    text = Tags(page_of(logs.read([path]))).text
    assert f"{path}, line 6: " in text
    assert "torn" in text


def test_legacy_logs_have_no_config_and_say_so(
    tmp_path: Path, legacy_text: Callable[..., str]
) -> None:
    (tmp_path / "with_relu_logs.txt").write_text(legacy_text(), encoding="utf-8")
    text = Tags(page_of(logs.read([tmp_path]))).text
    assert "No config in the log." in text
    assert "No effect" not in text
