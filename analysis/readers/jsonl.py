"""Reads the JSONL run log that `train` writes: one JSON object a line.

    log = read("logs/20261123T120000Z_with_relu_s0.jsonl", data)

polars parses the lines of each event in one piece, with an explicit schema. A piece that it
refuses is halved until the lines at fault stand alone; those are rejected with their line numbers.
A last line that breaks off without a newline is torn: it is left out and noted. Unknown events and
unknown fields pass; lines of an unknown schema are left out and noted. Where a resumed run repeats
a record, the last one wins.
"""

import io
import json
from codecs import BOM_UTF8
from collections.abc import Collection, Iterator, Sequence

import polars as pl

from analysis.readers.lines import Line, Rejection
from analysis.readers.run_events import RUN_EVENTS, read_run_events
from analysis.schema import (
    FORMAT_OF_SCHEMA,
    LOG_FIELDS,
    METRIC_KEY,
    METRICS,
    POOLS,
    REJECTED,
    RUNS,
    SPLITS,
    Log,
    Schema,
    conform,
)


def _names(use: str) -> dict[str, list[str]]:
    """Map each event to the names of its fields of this use, in the order of LOG_FIELDS."""
    names: dict[str, list[str]] = {}
    for field in LOG_FIELDS:
        if field.use == use:
            names.setdefault(field.event, []).append(field.name)
    return names


#: Event → the fields that say where its values belong, with their types.
PLACES: dict[str, Schema] = {
    event: {name: METRICS.get(name, pl.String) for name in names}
    for event, names in _names("place").items()
}

#: Event → the fields that become metrics, and those that become three metrics each.
VALUES, QUARTILES = _names("value"), _names("quartiles")

#: Metrics that are shares of points → the field that counts these points.
SHARES = {field.name: field.points for field in LOG_FIELDS if field.points}

#: (event, field) of the places without which a line is rejected.
REQUIRED = {(field.event, field.name) for field in LOG_FIELDS if field.required}

#: Places of which the values are words → these.
WORDS = {"split": SPLITS, "pool": POOLS}

_NOT_JSON = "not a whole JSON object"


def read(source: str, data: bytes, events: Collection[str] | None = None) -> Log:
    """Read one JSONL log from its bytes.

    `source` is the path that RUNS and the notes name. `events` limits METRICS to these events. A
    file of several runs, one after the other, yields all of them, told apart by their run_id.
    """
    texts = data.removeprefix(BOM_UTF8).split(b"\n")
    lines = [Line(number, text) for number, text in enumerate(texts, start=1) if text.strip()]
    head: Schema = {"event": pl.String, "run_id": pl.String, "schema": pl.Int64}
    heads, rejections = _parse(lines, head)
    torn = {len(texts)} & {rejection.line for rejection in rejections}
    known = pl.col("schema").is_in(list(FORMAT_OF_SCHEMA))
    unknown = heads.filter(~known)["schema"]
    heads = heads.filter(known.fill_null(True))
    nameless = heads.filter(pl.any_horizontal(pl.all().is_null()))
    rejections += [Rejection(line, "no event, run_id or schema") for line in nameless["line"]]
    heads = heads.drop_nulls()

    by_number = dict(lines)
    metrics = []
    for event in PLACES:
        of_event = [Line(n, by_number[n]) for n in heads.filter(event=event)["line"]]
        values, refused = _values(event, of_event)
        metrics.append(values)
        rejections += refused
    about_runs = heads.filter(pl.col("event").is_in(list(RUN_EVENTS)))["line"]
    firsts = heads.unique("run_id", keep="first", maintain_order=True)
    formats = pl.col("run_id").replace_strict(
        firsts["run_id"], firsts["schema"].replace_strict(FORMAT_OF_SCHEMA), default="jsonl"
    )
    about = [Line(n, by_number[n]) for n in about_runs]
    runs, warnings, refused = read_run_events(firsts["run_id"], about)
    rejections = sorted(r for r in rejections + refused if r.line not in torn)
    table = pl.concat(metrics).sort("line", maintain_order=True)
    if events is not None:
        table = table.filter(pl.col("event").is_in(events))
    return Log(
        runs=conform(
            runs.with_columns(
                format=formats, source=pl.lit(source), rejected=pl.lit(len(rejections))
            ),
            RUNS,
        ),
        metrics=conform(table, METRICS).unique(METRIC_KEY, keep="last", maintain_order=True),
        rejected=conform(
            pl.DataFrame(rejections, schema=["line", "reason"], orient="row").with_columns(
                source=pl.lit(source)
            ),
            REJECTED,
        ),
        warnings=warnings,
        notes=(
            *_schema_notes(source, unknown),
            *([f"{source}: torn last line, left out"] if torn else []),
        ),
    )


def _schema_notes(source: str, unknown: pl.Series) -> Iterator[str]:
    """Name the schema versions that are not known, and how many lines have them."""
    known = " and ".join(map(str, FORMAT_OF_SCHEMA))
    for schema, lines in unknown.value_counts().sort("schema").rows():
        yield (
            f"{source}: {lines:,} line{'s' * (lines > 1)} of schema {schema}, left out: this "
            f"version reads {known}; a newer one may read them"
        )


def _parse(lines: Sequence[Line], schema: Schema) -> tuple[pl.DataFrame, list[Rejection]]:
    """Parse `lines` into `line` and the columns of `schema`; reject those that do not fit."""
    try:
        records = pl.read_ndjson(io.BytesIO(b"\n".join(line.text for line in lines)), schema=schema)
        numbers = pl.Series("line", [line.number for line in lines], dtype=pl.Int64)
        return records.insert_column(0, numbers), []
    except pl.exceptions.PolarsError as error:
        if len(lines) == 1:
            return pl.DataFrame(schema={"line": pl.Int64, **schema}), [
                Rejection(lines[0].number, _reason(lines[0].text, error))
            ]
    middle = len(lines) // 2
    before, refused_before = _parse(lines[:middle], schema)
    after, refused_after = _parse(lines[middle:], schema)
    return before.vstack(after), refused_before + refused_after


def _reason(text: bytes, error: BaseException) -> str:
    """Return why one line was refused: it is no JSON object, or `error` says what does not fit."""
    try:
        is_object = isinstance(json.loads(text, parse_constant=int), dict)  # int('NaN') raises
    except (ValueError, RecursionError):
        is_object = False
    return str(error).splitlines()[0] if is_object else _NOT_JSON


def _values(event: str, lines: Sequence[Line]) -> tuple[pl.DataFrame, list[Rejection]]:
    """Read the lines of one event: `line` and the columns of METRICS, a row for each value."""
    place, fields = PLACES[event], VALUES[event]
    sizes = sorted({SHARES[field] for field in fields if field in SHARES})
    quartiles = QUARTILES.get(event, [])
    schema: Schema = {"run_id": pl.String, **place, "nonfinite": pl.List(pl.String)}
    schema |= dict.fromkeys(sizes, pl.Int64)
    schema |= dict.fromkeys(fields, pl.Float64)
    schema |= dict.fromkeys(quartiles, pl.List(pl.Float64))
    records, rejections = _parse(lines, schema)

    doubts = [
        pl.when(pl.col(name).is_null()).then(pl.lit(f"no {name}"))
        for name in place
        if (event, name) in REQUIRED
    ]
    doubts += [
        pl.when(~pl.col(name).is_in(WORDS[name])).then(
            pl.lit(f"{name} is not one of {', '.join(WORDS[name])}")
        )
        if name in WORDS
        else pl.when(pl.col(name) < 0).then(pl.lit(f"{name} is negative"))
        for name in place
    ]
    doubts += [
        pl.when(~pl.col(name).is_between(0, 1)).then(pl.lit(f"{name} is not between 0 and 1"))
        for name in fields
        if name in (*SHARES, "hard_ratio")
    ]
    # No point of training is unseen, so n_unseen may be 0 there: a share of nothing has no value.
    doubts += [
        pl.when(pl.col(n) < (0 if n == "n_unseen" else 1)).then(pl.lit(f"{n} is not positive"))
        for n in sizes
    ]
    records = records.with_columns(reason=pl.coalesce(doubts))
    doubtful = records.filter(pl.col("reason").is_not_null())
    rejections += [Rejection(*row) for row in doubtful.select("line", "reason").iter_rows()]

    metric, value = pl.col("metric"), pl.col("value")
    logged = metric.str.replace("_(q1|median|q3)$", "")  # the field that a quartile is of
    size = pl.coalesce(
        pl.lit(None, pl.Int64),
        *(pl.when(metric == share).then(n) for share, n in SHARES.items() if n in sizes),
    )
    values = (
        records.filter(pl.col("reason").is_null())
        .with_columns(
            pl.col(field).list.get(index, null_on_oob=True).alias(f"{field}_{quartile}")
            for field in quartiles
            for index, quartile in enumerate(("q1", "median", "q3"))
        )
        .drop("reason", *quartiles)
        .unpivot(
            index=["line", "run_id", *place, *sizes, "nonfinite"],
            variable_name="metric",
        )
        # A field that is null because its number is not finite is a row; one that is absent is not.
        .filter(value.is_not_null() | pl.col("nonfinite").list.contains(logged).fill_null(False))
        .with_columns(event=pl.lit(event), n=size)
        .filter(pl.col("n").is_null() | (pl.col("n") > 0))
    )
    if "pool" in place:
        values = values.with_columns(metric=pl.concat_str("metric", "pool", separator="_"))
    absent = {name: pl.lit(None, METRICS[name]) for name in METRICS if name not in values.columns}
    values = values.with_columns(**absent)
    return conform(values, {"line": pl.Int64, **METRICS}), rejections
