import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from single_study import one_study

from analysis.readers import logs
from analysis.rendering import html, table_rows
from analysis.schema import Log

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


def test_the_page_holds_verdicts_pictures_tables_and_configs(read: Callable[..., Log]) -> None:
    tags = Tags(html.page(one_study(read({"seed": 0}, {"seed": 1}, {"relu": True, "seed": 0}))))
    names = [tag for tag, _ in tags.found]
    assert names.count("svg") == names.count("figure") == 4
    assert names.count("details") == 3
    for words in (
        "3 runs of 2 configurations",
        "On test, no difference shown between",
        "How configurations differ",
        "Nothing to note.",
        "hard_ratio_start",
        "sdoc %",
        "the first epoch with v at 95 % of its best or above",
    ):
        assert words in tags.text, words
    assert '"init_from": null' not in tags.text  # the config says in words what decides


def test_a_difference_that_is_shown_is_in_bold(read: Callable[..., Log]) -> None:
    n = {"training": 4000, "validation": 1000, "test": 1000}
    high = {split: [0.1, 0.8] for split in n}
    low = {split: [0.1, 0.2] for split in n}
    page = html.page(one_study(read({"top1": high, "n": n}, {"top1": low, "n": n, "relu": True})))
    assert "<li><strong>On test, with_layernorm ends higher than with_layernorm_relu" in page


@pytest.fixture
def answered(tmp_path: Path, predicted: Callable[..., pl.DataFrame]) -> Callable[[str], None]:
    """`answered(domain)`: predictions beside runs r0, which is right, and r1, which is wrong."""

    def build(domain: str) -> None:
        for run, answer in (("r0", None), ("r1", "sport/tax/pro/01/point")):
            given = {f"{domain}/tax/pro/01": answer}
            predicted(given).write_parquet(tmp_path / f"{run}.predictions.parquet")

    return build


def test_predictions_add_what_is_answered_as_table_and_picture(
    read: Callable[..., Log], answered: Callable[[str], None]
) -> None:
    answered("law")
    page = html.page(one_study(read({"status": "failed"}, {"status": "failed", "relu": True})))
    tags = Tags(page)
    for words in (
        "Which points are answered, and what the wrong answers are.",
        table_rows.ERRORS_HEADING,
        "wrong answer from",
        "McNemar's exact test by query",
    ):
        assert words in tags.text, words
    assert "<td>domain</td><td>law</td><td>1</td><td>100.0 [" in page
    assert [tag for tag, _ in tags.found].count("figure") == 5
    assert page.count("<table") + page.count("<svg") == page.count('<div class="scroll"')


def test_without_predictions_nothing_is_said_of_answers(read: Callable[..., Log]) -> None:
    text = Tags(html.page(one_study(read({}, {"relu": True})))).text
    assert table_rows.ERRORS_HEADING not in text


def test_no_name_of_a_folder_becomes_markup(
    read: Callable[..., Log], answered: Callable[[str], None]
) -> None:
    hostile = HOSTILE.replace("/", "|")
    answered(hostile)
    tags = Tags(
        html.page(one_study(read({"status": "failed"}, {"status": "failed", "relu": True})))
    )
    assert hostile in tags.text
    assert not {tag for tag, _ in tags.found} & {"script", "img"}


def test_nothing_is_loaded_from_elsewhere(read: Callable[..., Log]) -> None:
    tags = Tags(html.page(one_study(read({}))))
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
    page = html.page(one_study(log))
    tags = Tags(page)
    names = {tag for tag, _ in tags.found}
    assert not names & {"script", "img"}
    assert not any(name.startswith("on") for _, attributes in tags.found for name in attributes)
    # Configuration, warning, note, reason, config: what is not drawn stands there word for word.
    assert tags.text.count(HOSTILE) >= 8
    assert "<!--" not in re.sub(r"<!-- [^<>]* -->", "", page)


def test_pictures_take_the_ink_of_the_page(read: Callable[..., Log]) -> None:
    page = html.page(one_study(read({})))
    figures = page[page.index("<figure>") :]
    assert "var(--ink)" in figures
    assert "#1b1b1b" not in figures
    assert "fill: #ffffff" not in figures  # no sheet of white paper under them


def test_every_table_and_picture_scrolls_within_its_own_container(read: Callable[..., Log]) -> None:
    page = html.page(one_study(read({})))
    assert page.count("<table") + page.count("<svg") == page.count('<div class="scroll"')


def test_broken_lines_and_notes_of_the_readers_are_told(
    read: Callable[..., Log], tmp_path: Path
) -> None:
    read({})
    path = tmp_path / "r0.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[5] = lines[5][:20]
    path.write_text("\n".join(lines) + '\n{"torn', encoding="utf-8")
    text = Tags(html.page(one_study(logs.read([path])))).text
    assert f"{path}, line 6: " in text
    assert "torn" in text


def test_legacy_logs_have_no_config_and_say_so(
    tmp_path: Path, legacy_text: Callable[..., str]
) -> None:
    (tmp_path / "with_relu_logs.txt").write_text(legacy_text(), encoding="utf-8")
    text = Tags(html.page(one_study(logs.read([tmp_path])))).text
    assert "No config in the log." in text
    assert "No two configurations of one format" in text
