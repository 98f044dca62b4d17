"""Reads the JSONL run log that `train` writes: one JSON object a line.

    log = read("logs/20261123T120000Z_with_relu_s0.jsonl", data)

polars parses the lines of each event in one piece, with an explicit schema. A piece that it
refuses is halved until the lines at fault stand alone; those are rejected with their line numbers.
A last line that breaks off without a newline is torn: it is left out and noted. Unknown events and
unknown fields pass, lines of an unknown schema are rejected. Where a resumed run repeats a record,
the last one wins.
"""

import io
import json
from codecs import BOM_UTF8
from collections.abc import Collection, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import polars as pl
from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    TypeAdapter,
    ValidationError,
)

from analysis.readers.variant_names import ALIASES, VARIANTS, Variant, canonical_name
from analysis.schema import (
    FORMAT_OF_SCHEMA,
    LOG_FIELDS,
    METRICS,
    REJECTED,
    RUNS,
    WARNINGS,
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

_NOT_JSON = "not a whole JSON object"


class Line(NamedTuple):
    """A line that is not blank."""

    number: int  # counted from 1
    text: bytes


class Rejection(NamedTuple):
    """Why a line is not read."""

    line: int
    reason: str


Int32 = Annotated[int, Field(ge=-(2**31), lt=2**31)]
Int64 = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class _Event(BaseModel):
    """An event about the run as a whole; pydantic reads them, because they are few and nested."""

    model_config = ConfigDict(strict=True)
    run_id: str


class _Settings(BaseModel):
    """The part of a config that RUNS shows in columns of its own."""

    model_config = ConfigDict(strict=True)
    layernorm: bool | None = None
    relu: bool | None = None
    hard_ratio_step: FiniteFloat | None = None


class _RunStart(_Event):
    event: Literal["run_start"]
    time: AwareDatetime
    config: dict[str, Any]
    decides: dict[str, Any] | None = None  # none in schema 1
    variant: str | None = None
    seed: Int64 | None = None


class _Resume(_Event):
    event: Literal["resume"]


class _Warning(_Event):
    event: Literal["warning"]
    message: str | None = None
    action: str | None = None
    epoch: Int32 | None = None
    step: Int64 | None = None


class _RunEnd(_Event):
    event: Literal["run_end"]
    status: Literal["completed", "interrupted", "failed"]
    reason: str | None = None
    seconds: FiniteFloat | None = None


_RUN_EVENT: TypeAdapter[_RunStart | _Resume | _Warning | _RunEnd] = TypeAdapter(
    Annotated[_RunStart | _Resume | _Warning | _RunEnd, Field(discriminator="event")]
)
_RUN_EVENTS = ("run_start", "resume", "warning", "run_end")


def read(source: str, data: bytes, events: Collection[str] | None = None) -> Log:
    """Read one JSONL log from its bytes.

    `source` is the path that RUNS and the notes name. `events` keeps the metrics of these events
    alone. A file of several runs one after the other yields them all, told apart by their run_id.
    """
    texts = data.removeprefix(BOM_UTF8).split(b"\n")
    lines = [Line(number, text) for number, text in enumerate(texts, start=1) if text.strip()]
    head: Schema = {"event": pl.String, "run_id": pl.String, "schema": pl.Int64}
    heads, rejections = _parse(lines, head)
    torn = {len(texts)} & {rejection.line for rejection in rejections}
    nameless = heads.filter(pl.any_horizontal(pl.all().is_null()))
    rejections += [Rejection(line, "no event, run_id or schema") for line in nameless["line"]]
    known = pl.col("schema").is_in(list(FORMAT_OF_SCHEMA))
    unknown = heads.drop_nulls().filter(~known).select("line", "schema")
    rejections += [Rejection(line, f"unknown schema {schema}") for line, schema in unknown.rows()]
    heads = heads.drop_nulls().filter(known)

    by_number = dict(lines)
    metrics = []
    for event in PLACES:
        of_event = [Line(n, by_number[n]) for n in heads.filter(event=event)["line"]]
        values, refused = _values(event, of_event)
        metrics.append(values)
        rejections += refused
    about_runs = heads.filter(pl.col("event").is_in(_RUN_EVENTS))["line"]
    firsts = heads.unique("run_id", keep="first", maintain_order=True)
    formats = pl.col("run_id").replace_strict(
        firsts["run_id"], firsts["schema"].replace_strict(FORMAT_OF_SCHEMA), default="jsonl"
    )
    runs, warnings, refused = _runs(firsts["run_id"], [Line(n, by_number[n]) for n in about_runs])
    rejections = sorted(r for r in rejections + refused if r.line not in torn)
    table = pl.concat(metrics).sort("line", maintain_order=True)
    if events is not None:
        table = table.filter(pl.col("event").is_in(events))
    key = [name for name in METRICS if name not in ("value", "n")]
    return Log(
        runs=conform(
            runs.with_columns(
                format=formats, source=pl.lit(source), rejected=pl.lit(len(rejections))
            ),
            RUNS,
        ),
        metrics=conform(table, METRICS).unique(key, keep="last", maintain_order=True),
        rejected=conform(
            pl.DataFrame(rejections, schema=["line", "reason"], orient="row").with_columns(
                source=pl.lit(source)
            ),
            REJECTED,
        ),
        warnings=warnings,
        notes=(f"{source}: torn last line, left out",) if torn else (),
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
        pl.when(~pl.col(name).is_between(0, 1)).then(pl.lit(f"{name} is not between 0 and 1"))
        for name in fields
        if name in SHARES
    ]
    # Of the points that a run trained on none is unseen: a share of nothing, which is no value.
    doubts += [
        pl.when(pl.col(n) < (0 if n == "n_unseen" else 1)).then(pl.lit(f"{n} is not positive"))
        for n in sizes
    ]
    records = records.with_columns(reason=pl.coalesce(doubts))
    doubtful = records.filter(pl.col("reason").is_not_null())
    rejections += [Rejection(*row) for row in doubtful.select("line", "reason").iter_rows()]

    metric, value = pl.col("metric"), pl.col("value")
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
        .filter(value.is_not_null() | pl.col("nonfinite").list.contains(metric).fill_null(False))
        .with_columns(event=pl.lit(event), n=size)
        .filter(pl.col("n").is_null() | (pl.col("n") > 0))
    )
    if "pool" in place:
        values = values.with_columns(metric=pl.concat_str("metric", "pool", separator="_"))
    absent = {name: pl.lit(None, METRICS[name]) for name in METRICS if name not in values.columns}
    values = values.with_columns(**absent)
    return conform(values, {"line": pl.Int64, **METRICS}), rejections


def _runs(
    run_ids: pl.Series, lines: Sequence[Line]
) -> tuple[pl.DataFrame, pl.DataFrame, list[Rejection]]:
    """Read the events about whole runs: RUNS, one row for each of `run_ids`, and WARNINGS."""
    runs: dict[str, dict[str, Any]] = {run_id: {"run_id": run_id} for run_id in run_ids}
    warnings: list[dict[str, Any]] = []
    rejections: list[Rejection] = []
    for line in lines:
        try:
            event = _RUN_EVENT.validate_json(line.text)
            run = runs.setdefault(event.run_id, {"run_id": event.run_id})
            if isinstance(event, _RunStart):
                run |= _started(event)
        except ValidationError as error:
            fault = error.errors()[0]
            field = fault["loc"][-1] if fault["loc"] else "event"
            rejections.append(Rejection(line.number, f"{field}: {fault['msg']}"))
            continue
        if isinstance(event, _Warning):
            warnings.append(event.model_dump(exclude={"event"}))
        elif isinstance(event, _Resume):
            run |= {"status": None, "reason": None, "seconds": None}  # it goes on: no end so far
        elif isinstance(event, _RunEnd):
            run |= event.model_dump(exclude={"event"})
    return (
        pl.DataFrame(list(runs.values()), schema=RUNS),
        pl.DataFrame(warnings, schema=WARNINGS),
        rejections,
    )


def _started(event: _RunStart) -> dict[str, Any]:
    """Return the columns of RUNS that a run_start fills. Raises pydantic's `ValidationError`."""
    settings = _Settings.model_validate(event.config)
    name = event.variant or ""
    variant = VARIANTS.get(ALIASES.get(name, name))
    if settings.layernorm is not None and settings.relu is not None:
        variant = Variant(settings.layernorm, settings.relu)
    return {
        "variant": variant and canonical_name(variant),
        "layernorm": variant and variant.layernorm,
        "relu": variant and variant.relu,
        "seed": event.seed,
        "hard_ratio_step": settings.hard_ratio_step,
        "started": event.time,
        "config": json.dumps(event.config, ensure_ascii=False),
        "decides": None if event.decides is None else json.dumps(event.decides),
    }
