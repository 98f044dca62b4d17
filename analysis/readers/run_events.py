"""Reads the events about whole runs: run_start, resume, warning and run_end.

pydantic reads them, because they are few and nested.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

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

from analysis.readers.lines import Line, Rejection
from analysis.readers.variant_names import ALIASES, VARIANTS, Variant, canonical_name
from analysis.schema import RUNS, WARNINGS

Count32 = Annotated[int, Field(ge=0, lt=2**31)]
Count64 = Annotated[int, Field(ge=0, lt=2**63)]
Int64 = Annotated[int, Field(ge=-(2**63), lt=2**63)]

#: A time that Python can write in every time zone.
Time = Annotated[
    AwareDatetime,
    Field(ge=datetime(1970, 1, 1, tzinfo=UTC), lt=datetime(9999, 1, 1, tzinfo=UTC)),
]


class _Event(BaseModel):
    """An event about the run as a whole."""

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
    time: Time
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
    epoch: Count32 | None = None
    step: Count64 | None = None


class _RunEnd(_Event):
    event: Literal["run_end"]
    status: Literal["completed", "interrupted", "failed"]
    reason: str | None = None
    predictions_sha256: str | None = None
    seconds: Annotated[FiniteFloat, Field(ge=0)] | None = None


_RUN_EVENT: TypeAdapter[_RunStart | _Resume | _Warning | _RunEnd] = TypeAdapter(
    Annotated[_RunStart | _Resume | _Warning | _RunEnd, Field(discriminator="event")]
)
#: The names of these events → what is read of each.
RUN_EVENTS: dict[str, type[_Event]] = {
    "run_start": _RunStart,
    "resume": _Resume,
    "warning": _Warning,
    "run_end": _RunEnd,
}


def read_run_events(
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
            run |= dict.fromkeys(
                _RunEnd.model_fields.keys() - {"event", "run_id"}
            )  # it has not ended
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
