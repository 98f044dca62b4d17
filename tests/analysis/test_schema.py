"""`analysis.schema`: its rows are consistent among themselves."""

from analysis import schema


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
