"""The log contract: logs/schema.json, logs/README.md, and what a run really writes."""

import json
from pathlib import Path

import jsonschema
import pytest
from jobs import interrupted_run, read_log, train

from biencoder.config import Config
from biencoder.storage import events
from biencoder.storage.events import COMMON, EVENTS, json_schema

LOGS = Path(__file__).parents[3] / "logs"


def test_the_published_schema_is_the_one_that_the_events_give():
    published = json.loads((LOGS / "schema.json").read_text("utf-8"))
    assert published == json_schema(), "python -m biencoder.storage.events > logs/schema.json"


def test_every_field_has_a_sentence():
    for event in EVENTS:
        for name, field in event.model_fields.items():
            assert (field.description or "").endswith("."), f"{event.name}.{name}"


def test_the_page_for_people_names_every_event_and_field():
    page = (LOGS / "README.md").read_text("utf-8")
    for name in COMMON:
        assert f"| `{name}` |" in page, name
    for event in EVENTS:
        _, heading, rest = page.partition(f"### `{event.name}`")
        assert heading, event.name
        section = rest.partition("### ")[0]
        shared = page.partition("### `provenance`")[2].partition("### ")[0]
        for name in event.model_fields:
            assert f"| `{name}` |" in section + shared * issubclass(event, events.Provenance), name


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
    for line in lines:
        validator.validate(line)
    assert any("nonfinite" in line for line in lines)


@pytest.mark.parametrize("change", [{"surprise": 1}, {"top1": "high"}, {"split": "dev"}, {"n": -1}])
def test_a_line_of_another_form_is_not_valid(validator, change):
    common = {"event": "pools", "run_id": "r", "time": "2026-01-01T00:00:00+00:00", "schema": 2}
    line = {"epoch": 1, "split": "test", "pool": "epa", "top1": 0.5, "hits": 1, "n": 2}
    validator.validate(common | line)
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(common | line | change)
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(common)
