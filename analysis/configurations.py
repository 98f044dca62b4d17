"""Which runs are repetitions of one configuration, and in what the configurations differ."""

import json
from collections import Counter
from typing import Any

import polars as pl

from analysis.output import printable

#: Config fields that do not decide a run's result. Two runs that differ in these alone are
#: repetitions of one configuration; `seed` is what makes them different repetitions.
NEUTRAL = {
    "seed",
    "run_id",
    "log_dir",
    "checkpoint_dir",
    "device",
    "log_every",
    "checkpoint_every",
    "resume",
}

#: Config fields that the variant's name already says.
NAMED = {"layernorm", "relu"}


def label(runs: pl.DataFrame) -> pl.DataFrame:
    """RUNS with a column `configuration`: equal for runs that differ in `NEUTRAL` fields alone.

    The name is the variant, then each field that is not as in most runs of the format. Legacy names
    end in '(legacy)': their figures measure something else, so they never share a configuration
    with others.
    """
    every = [_settings(run) for run in runs.iter_rows(named=True)]
    formats = runs["format"].to_list()
    names = [""] * len(every)
    for format_ in set(formats):
        ours = [i for i, other in enumerate(formats) if other == format_]
        of_format = [every[i] for i in ours]
        usual = _usual(of_format, _varying(of_format))
        for i in ours:
            names[i] = _name(every[i], usual) + (" (legacy)" if format_ == "legacy" else "")
    return runs.with_columns(pl.Series("configuration", names, dtype=pl.String))


def differences(runs: pl.DataFrame) -> pl.DataFrame:
    """What distinguishes configurations: format, configuration, field, value (text; null: unset).

    `runs` is labelled. One row for each configuration and each field in which the runs of its
    format differ, `variant` among them.
    """
    rows = []
    for (format_,), ours in runs.group_by("format", maintain_order=True):
        firsts = ours.unique("configuration", keep="first", maintain_order=True)
        every = [_settings(run) for run in firsts.iter_rows(named=True)]
        fields = ["variant", *_varying(every)]
        rows += [
            (format_, configuration, field, _text(settings.get(field)))
            for settings, configuration in zip(every, firsts["configuration"], strict=True)
            for field in fields
        ]
    columns = ("format", "configuration", "field", "value")
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def _settings(run: dict[str, Any]) -> dict[str, Any]:
    """What decides the result of one row of RUNS: its config without the `NEUTRAL` fields.

    A legacy log holds no config; its file name gives the variant and `hard_ratio_step`. A run of
    unknown variant is like no other, so its own name stands for its variant.
    """
    config = json.loads(run["config"]) if run["config"] else None
    if not isinstance(config, dict):
        config = {"hard_ratio_step": run["hard_ratio_step"]}
    settings = {name: value for name, value in config.items() if name not in NEUTRAL | NAMED}
    return settings | {"variant": run["variant"] or f"unknown variant of {run['run_id']}"}


def _varying(every: list[dict[str, Any]]) -> list[str]:
    """The fields, but the variant, whose value is not the same in all of these runs.

    `negatives` only names the two hard_ratio numbers: where those say it, it is left out.
    """
    fields = sorted({field for settings in every for field in settings} - {"variant"})
    varying = [f for f in fields if len({_text(settings.get(f)) for settings in every}) > 1]
    numbers = {"hard_ratio_start", "hard_ratio_step"} & set(varying)
    return [field for field in varying if field != "negatives" or not numbers]


def _name(settings: dict[str, Any], usual: dict[str, str | None]) -> str:
    """The variant, then each field whose value is not the usual one."""
    texts = {field: _text(settings.get(field)) for field in usual}
    odd = [f"{field}={texts[field] or 'unset'}" for field in usual if texts[field] != usual[field]]
    return ", ".join([printable(settings["variant"]), *odd])


def _usual(every: list[dict[str, Any]], fields: list[str]) -> dict[str, str | None]:
    """The most frequent value of each field; unset wins a tie, then the first in the alphabet."""
    counts = {field: Counter(_text(settings.get(field)) for settings in every) for field in fields}
    return {
        field: min(count, key=lambda value: (-count[value], value is not None, value or ""))
        for field, count in counts.items()
    }


def _text(value: Any) -> str | None:
    """A config value as text; equal numbers (1, 1.0) have equal text, null has none."""
    if value is None:
        return None
    if isinstance(value, str):
        return printable(value)
    return f"{value:.15g}" if isinstance(value, float) else printable(json.dumps(value))
