"""The log contract: logs/schema.json, logs/README.md, and what a run really writes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pydantic
import pytest
from jobs import interrupted_run, read_log, train

from biencoder.config import Config
from biencoder.storage import events
from biencoder.storage.events import COMMON, DECIDES, EVENTS, json_schema

LOGS = Path(__file__).parents[3] / "logs"
PARTS = (events.Device, events.SplitCounts, events.Truncation)


def test_the_published_schema_is_the_one_that_the_events_give():
    published = json.loads((LOGS / "schema.json").read_text("utf-8"))
    assert published == json_schema(), "python -m biencoder.storage.events > logs/schema.json"


def test_every_field_has_a_sentence():
    for model in (*EVENTS, *PARTS):
        for name, field in model.model_fields.items():
            assert (field.description or "").endswith("."), f"{model.__name__}.{name}"
    for name, rule in (COMMON | DECIDES).items():
        assert rule["description"].endswith("."), name


def section(page, heading):
    _, found, rest = page.partition(f"### `{heading}`\n")
    assert found, heading
    return rest.partition("\n### ")[0]


def test_the_page_for_people_says_of_every_field_what_the_schema_says():
    page = (LOGS / "README.md").read_text("utf-8")
    for name, rule in COMMON.items():
        assert re.search(rf"^\| `{name}` \| .* \| {re.escape(rule['description'])} \|$", page, re.M)
    for event in EVENTS:
        own = section(page, event.name)
        if issubclass(event, events.Provenance):
            own += section(page, "provenance")
        if event is events.Untrained:
            own += section(page, "eval")
        for name, field in event.model_fields.items():
            row = rf"^\| `{name}` \| .+ \| .*\| {re.escape(field.description)} \|$"
            assert re.search(row, own, re.M), f"{event.name}.{name}"
    for part in PARTS:
        (line,) = re.findall(rf"^\*\*{part.__name__}\*\*: .*$", page, re.M)
        for name, field in part.model_fields.items():
            assert re.search(rf"`{name}` \(\w+\): {re.escape(field.description)}", line), name
    for name, rule in DECIDES.items():
        assert f"`{name}`: {rule['description']}" in section(page, "run_start"), name


def test_the_events_can_be_read_without_torch():
    program = "import sys, biencoder.storage.events; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=LOGS.parent)


@pytest.fixture
def validator():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_every_line_of_real_runs_is_valid(settings, validator, monkeypatch):
    plain = {"log_every": 1, "first_epoch_evals": 2}
    interrupted = Config(**settings | {"run_id": "interrupted"} | plain)
    interrupted_run(interrupted, monkeypatch)
    still = {"negatives": "only_hard", "epochs": 2, "lr": 1e-30, "head_lr": 1e-30}  # is warned of
    kept = Config(**settings | plain | still | {"run_id": "kept", "leaked_pairs": "keep"})
    configs = [interrupted, kept]
    for config in configs:
        assert train(config) == 0
    lines = [line for config in configs for line in read_log(config)]
    assert {line["event"] for line in lines} == {event.name for event in EVENTS}
    of_event = {event.name: event for event in EVENTS}
    for line in lines:
        validator.validate(line)
        fields = {name: value for name, value in line.items() if name not in COMMON}
        event = of_event[line["event"]]
        for name in fields.keys() & event.model_fields.keys():
            if event.model_fields[name].is_required():
                assert not validator.is_valid({k: v for k, v in line.items() if k != name}), name
        assert not validator.is_valid(line | {"surprise": 1})
        assert not validator.is_valid(line | {"schema": 1})
    assert any("nonfinite" in line for line in lines)


@pytest.mark.parametrize("change", [{"surprise": 1}, {"top1": "high"}, {"split": "dev"}, {"n": -1}])
def test_a_line_of_another_form_is_not_valid(validator, change):
    common = {"event": "pools", "run_id": "r", "time": "2026-01-01T00:00:00+00:00", "schema": 2}
    line = {"epoch": 1, "split": "test", "pool": "epa", "hits": 1, "n": 2}
    line |= {"top1": 0.5, "head_top1": 0.5}
    validator.validate(common | line)
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(common | line | change)
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(common)


def test_a_field_that_is_unknown_or_missing_is_refused_before_it_is_written():
    fields = {"epoch": 1, "split": "test", "pool": "epa", "hits": 0, "n": 0}
    fields |= {"top1": float("nan"), "head_top1": float("nan")}
    assert events.Pools(**fields).hits == 0
    with pytest.raises(pydantic.ValidationError, match="surprise"):
        events.Pools(**fields, surprise=1)
    with pytest.raises(pydantic.ValidationError, match="hits"):
        events.Pools(**{name: value for name, value in fields.items() if name != "hits"})
