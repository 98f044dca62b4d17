import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from analysis.readers import logs
from analysis.rendering import html, selection, table_rows
from analysis.schema import Log
from analysis.statistics.results import of_studies


def page_of(log: Log) -> str:
    return html.page(log, of_studies(log)).decode()


def without_scripts(page: str) -> str:
    return re.sub("<script>.*?</script>", "", page, flags=re.DOTALL)


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


def test_the_page_holds_effects_charts_tables_and_configs(read: Callable[..., Log]) -> None:
    tags = Tags(page_of(read({"seed": 0}, {"seed": 1}, {"relu": True, "seed": 0})))
    names = [tag for tag, _ in tags.found]
    assert names.count("figure") == names.count("figcaption") == 4
    charts = [dict(a) for tag, a in tags.found if a.get("class") == "chart"]
    assert len(charts) == 1 + 3 + 3 + 3
    assert all(chart["tabindex"] == "0" and chart["aria-label"] for chart in charts)
    assert len({chart["aria-label"] for chart in charts}) == len(charts)
    configs = [a for tag, a in tags.found if tag == "details" and "run-" in (a["id"] or "")]
    assert [config["id"] for config in configs] == ["run-r0", "run-r1", "run-r2"]
    for words in (
        "3 runs of 2 configurations",
        "No effect on test can be estimated",
        "There is one study.",
        "Nothing to note.",
        "hard_ratio_start",
        "sdoc %",
        "the epoch at which v first reaches the target, interpolated between the evaluations",
    ):
        assert words in tags.text, words
    assert '"init_from": null' not in tags.text  # the config says in words what decides


def test_a_study_opens_with_its_answer_then_come_the_curves_then_tables(
    read: Callable[..., Log],
) -> None:
    log = read(
        *({"relu": relu, "config": {"data_dir": d}} for d in ("a", "b") for relu in (True, False))
    )
    page = page_of(log)
    for name in ("a", "b"):
        part = page[page.index(f"<h2>{name}</h2>") :]
        places = [part.index(f'id="{name}-{chart}"') for chart in ("effects", "curves", "loss")]
        assert places == sorted(places)
        assert places[0] < part.index("<figcaption>No effect on test") < places[1]
        assert places[-1] < part.index("<table")
    assert "<td>corpus</td><td>a</td><td>b</td>" in page
    differences = page[page.index("How studies differ") : page.index("What the runs and")]
    assert differences.count("<tr>") == 2  # the heading and the corpus alone


def test_a_study_of_one_configuration_says_nothing_of_effects(read: Callable[..., Log]) -> None:
    log = read({"config": {"data_dir": "here"}}, {"config": {"data_dir": "there"}})
    assert "No effect" not in without_scripts(page_of(log))


def test_variants_studies_and_runs_have_boxes_and_what_they_switch_is_marked(
    read: Callable[..., Log],
) -> None:
    tags = Tags(page_of(read({}, {"relu": True, "config": {"data_dir": "there"}})))
    boxes = [
        (str(a["data-switch"]), str(a["value"]))
        for tag, a in tags.found
        if tag == "input" and "data-switch" in a
    ]
    assert sorted(boxes) == [
        ("run", "r0"),
        ("run", "r1"),
        ("study", "sample-corpus"),
        ("study", "there"),
        ("variant", "with_layernorm"),
        ("variant", "with_layernorm_relu"),
    ]
    marked = {(kind, a.get(f"data-{kind}")) for kind, _ in boxes for _, a in tags.found}
    assert set(boxes) <= marked


def test_studies_that_differ_in_one_setting_are_compared(
    read: Callable[..., Log], answered: Callable[[str], None]
) -> None:
    answered("law")
    failed: dict[str, Any] = {"status": "failed"}
    page = page_of(read(failed | {"config": {"lr": 0.5}}, failed | {"config": {"lr": 0.25}}))
    name = "lr: 0.25 − 0.5 (sample corpus · lr 0.25 − sample corpus)"
    assert f"<li>{name}, on test: −100.0 percentage points, described</li>" in page


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
    monkeypatch.setattr(selection, "FEWEST", 1)
    answered("law")
    page = page_of(read({"status": "failed"}, {"status": "failed", "relu": True}))
    tags = Tags(page)
    for words in (
        "Which points are answered, and what the wrong answers are",
        table_rows.ERRORS_HEADING,
        "wrong answer from",
        "effects are described but not tested",
    ):
        assert words in tags.text, words
    row = "<td>domain</td><td>law</td><td>1</td>"
    assert f'{row}<td data-variant="with_layernorm">100.0 [' in page
    assert [tag for tag, _ in tags.found].count("figure") == 5


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
    assert_harmless(tags)


def assert_harmless(tags: Tags) -> None:
    """No element but the page's own, which run nothing that its policy does not name."""
    names = [tag for tag, _ in tags.found]
    assert not set(names) & {"img", "iframe", "object", "embed", "base", "svg"}
    scripts = [attributes for tag, attributes in tags.found if tag == "script"]
    own = [attributes for attributes in scripts if attributes != {"type": "application/json"}]
    assert own == [{}, {}]
    for _, attributes in tags.found:
        assert not any(name.startswith("on") for name in attributes)


def test_nothing_is_loaded_from_elsewhere(read: Callable[..., Log]) -> None:
    page = page_of(read({}))
    tags = Tags(page)
    assert_harmless(tags)
    for _, attributes in tags.found:
        for name, value in attributes.items():
            if name in ("src", "href", "xlink:href"):
                assert str(value).startswith(("#", "data:,")), (name, value)
    assert "@import" not in without_scripts(page)
    assert "url(" not in without_scripts(page)


def test_the_policy_allows_the_two_scripts_by_their_hashes_and_no_eval(
    read: Callable[..., Log],
) -> None:
    page = page_of(read({}))
    (policy,) = [a["content"] for tag, a in Tags(page).found if a.get("http-equiv")]
    rules = {rule.split()[0]: rule.split()[1:] for rule in str(policy).split("; ")}
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == ["'none'"]
    scripts = re.findall("<script>(.*?)</script>", page, re.DOTALL)
    assert rules["script-src"] == [
        f"'sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in scripts
    ]


def test_the_page_is_below_six_megabytes(read: Callable[..., Log]) -> None:
    assert len(page_of(read({}, {"relu": True})).encode()) < 6_000_000


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
    assert_harmless(tags)
    # Configuration, warning, note, reason, config: what is not drawn stands there word for word.
    assert tags.text.count(HOSTILE) >= 8
    assert "<!--" not in without_scripts(page)
    for data in re.findall('<script type="application/json">(.*?)</script>', page, re.DOTALL):
        json.loads(data)
        assert "<" not in data


def test_every_table_scrolls_within_its_own_container(read: Callable[..., Log]) -> None:
    page = without_scripts(page_of(read({})))
    assert page.count("<table") == page.count('<div class="scroll" tabindex="0">')


def test_a_broken_line_stands_under_its_study_and_notes_of_the_readers_below_all(
    read: Callable[..., Log], tmp_path: Path
) -> None:
    read({}, {"config": {"data_dir": "there"}})
    path = tmp_path / "r0.jsonl"
    of_none = tmp_path / "none.jsonl"
    of_none.write_text('{"run_id": "none"}\n', encoding="utf-8")  # of no event
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[5] = lines[5][:20]
    path.write_text("\n".join(lines) + '\n{"torn', encoding="utf-8")
    page = without_scripts(page_of(logs.read([tmp_path])))
    here, there, rest = (Tags(part).text for part in page.split("</section>"))
    assert f"{path}, line 6: " in here
    assert f"{path}, line 6: " not in there + rest
    assert f"{of_none}, line 1: " in rest
    assert "torn" in rest


def test_legacy_logs_have_no_config_and_say_so(
    tmp_path: Path, legacy_text: Callable[..., str]
) -> None:
    (tmp_path / "with_relu_logs.txt").write_text(legacy_text(), encoding="utf-8")
    text = Tags(without_scripts(page_of(logs.read([tmp_path])))).text
    assert "No config in the log." in text
    assert "No effect" not in text
