"""`analysis.schema`: its rows agree with each other, and with the published schema of the log."""

import json
from pathlib import Path

import polars as pl
import pytest

from analysis import schema
from analysis.readers.run_events import RUN_EVENTS

PUBLISHED = json.loads((Path(__file__).parents[2] / "logs" / "schema.json").read_text("utf-8"))
EVENTS = {event["properties"]["event"]["const"]: event for event in PUBLISHED["oneOf"]}

JSON_TYPES = {str: "string", int: "integer", float: "number"}

#: Use of a field → the JSON types that are read as such; of a place its column tells the type.
READ_AS = {"value": {"integer", "number"}, "quartiles": {"array"}, "points": {"integer"}}


def types_of(rule):
    """The JSON types that a rule of the schema allows."""
    if "const" in rule:
        return {JSON_TYPES[type(rule["const"])]}
    if "anyOf" in rule:
        return set().union(*map(types_of, rule["anyOf"]))
    return {rule["type"]} if isinstance(rule["type"], str) else set(rule["type"])


@pytest.mark.parametrize("row", schema.LOG_FIELDS, ids=lambda row: f"{row.event}-{row.name}")
def test_every_field_that_is_read_is_one_of_the_published_schema(row):
    event = EVENTS[row.event]
    types = types_of(event["properties"][row.name])
    column = "string" if schema.METRICS.get(row.name, pl.String) == pl.String else "integer"
    assert types <= READ_AS.get(row.use, {column}) | {"null"}
    if row.required:
        assert row.name in event["required"]
        assert "null" not in types


@pytest.mark.parametrize(("name", "model"), RUN_EVENTS.items())
def test_what_is_read_of_a_run_is_part_of_the_published_schema(name, model):
    event = EVENTS[name]
    for field, info in model.model_fields.items():
        types = types_of(event["properties"][field])
        if info.is_required():
            assert field in event["required"]
            assert "null" not in types


def test_every_event_says_what_it_is_and_of_which_run():
    for event in EVENTS.values():
        assert {"event", "run_id", "schema"} <= set(event["required"])
        assert types_of(event["properties"]["nonfinite"]) <= {"array", "null"}


def test_splits_pools_and_the_newest_schema_are_those_of_the_published_schema():
    properties = EVENTS["pools"]["properties"]
    assert properties["split"]["enum"] == list(schema.SPLITS)
    assert properties["pool"]["enum"] == list(schema.POOLS)
    assert properties["schema"]["const"] == max(schema.FORMAT_OF_SCHEMA)


def test_every_field_is_named_once_in_its_event():
    names = [(row.event, row.name) for row in schema.LOG_FIELDS]
    assert len(names) == len(set(names))


def test_every_share_names_a_field_of_its_event_that_counts_the_points():
    points = {(row.event, row.name) for row in schema.LOG_FIELDS if row.use == "points"}
    shares = {(row.event, row.points) for row in schema.LOG_FIELDS if row.points}
    assert shares == points


def test_a_place_is_a_column_of_metrics_or_part_of_a_name():
    places = {row.name for row in schema.LOG_FIELDS if row.use == "place"}
    assert places - set(schema.METRICS) == {"pool"}
