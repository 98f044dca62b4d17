"""Runs that are nothing but settings, to be sorted into studies."""

import json
from typing import Any

import polars as pl

from analysis.schema import METRICS, REJECTED, RUNS, WARNINGS, Log
from analysis.statistics.studies import studies

CORPUS, ENCODER = "c" * 16, "e" * 16


def logged(*runs: dict[str, Any]) -> Log:
    """A log of RUNS rows; `config` and `decides` are given as dicts."""
    rows = [
        {
            "run_id": f"r{i}",
            "format": "jsonl",
            "variant": "with_relu",
            **run,
            **{key: json.dumps(run[key]) for key in ("config", "decides") if key in run},
        }
        for i, run in enumerate(runs)
    ]
    tables = (pl.DataFrame(schema=schema) for schema in (METRICS, REJECTED, WARNINGS))
    return Log(pl.DataFrame(rows, schema=RUNS), *tables)


def split(*runs: dict[str, Any]) -> dict[str, list[str]]:
    """The name of each study, in order, with its runs."""
    return {study.name: study.log.runs["run_id"].to_list() for study in studies(logged(*runs))}


def named(*runs: dict[str, Any]) -> list[str]:
    return list(split(*runs))


def decided(model: str = ENCODER, data: str = CORPUS, /, **config: Any) -> dict[str, Any]:
    """A run of schema 2: two digests that decide its result, and the fields of its config."""
    said_by_digest = ("data_dir", "encoder", "layers", "init_from", "recipe", "negatives", "device")
    fields = {name: value for name, value in config.items() if name not in said_by_digest}
    first = "f" * 16 if config.get("init_from") else None
    decides = {"encoder": model, "corpus": data, "init_from": first, **fields}
    return {"decides": decides, "config": config}


def old(**config: Any) -> dict[str, Any]:
    """A run of schema 1, whose log does not say what decides."""
    return {"format": "jsonl schema 1", "config": config}
