"""Tells which runs are repetitions of one configuration, and in what configurations differ."""

import json
from collections import Counter
from typing import Any

import polars as pl

from analysis.printable import printable

#: Config fields that do not decide the result of a run whose log does not say what does (schema 1).
#: Two runs that differ in these alone are repetitions of one configuration; `seed` is what makes
#: them different repetitions.
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

#: Digests among what decides → the config fields that say the same in words.
WORDS = {"corpus": ("data_dir",), "encoder": ("encoder", "layers"), "init_from": ("init_from",)}


def label(runs: pl.DataFrame) -> pl.DataFrame:
    """Add to RUNS a column `configuration`, equal for runs that differ in nothing that decides.

    The name is the variant, then each field that is not as in most runs of the format. Legacy names
    end in '(legacy)': their figures measure something else, so they never share a configuration
    with others. Nor do those of schema 1, which end in '(schema 1)' beside newer ones.
    """
    formats = runs["format"].to_list()
    ends = {"legacy": " (legacy)", "jsonl schema 1": " (schema 1)" if "jsonl" in formats else ""}
    names = [""] * len(formats)
    for format_ in set(formats):
        ours = [i for i, other in enumerate(formats) if other == format_]
        every = _settings(runs[ours])
        usual = _usual(every, _varying(every))
        for i, settings in zip(ours, every, strict=True):
            names[i] = _name(settings, usual) + ends.get(format_, "")
    return runs.with_columns(pl.Series("configuration", names, dtype=pl.String))


def differences(runs: pl.DataFrame) -> pl.DataFrame:
    """List what distinguishes configurations: format, configuration, field, value (text or null).

    `runs` is RUNS as `label` returns it. One row for each configuration and each field in which
    the runs of its format differ, `variant` among them; a value of null means unset.
    """
    rows = []
    for (format_,), ours in runs.group_by("format", maintain_order=True):
        firsts = ours.unique("configuration", keep="first", maintain_order=True)
        every = _settings(firsts)
        fields = ["variant", *_varying(every)]
        rows += [
            (format_, configuration, field, _text(settings.get(field)))
            for settings, configuration in zip(every, firsts["configuration"], strict=True)
            for field in fields
        ]
    columns = ("format", "configuration", "field", "value")
    return pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")


def _settings(runs: pl.DataFrame) -> list[dict[str, Any]]:
    """Return what decides the result of each of these runs of one format, the seed left out.

    A digest is replaced by the words for it where no other digest has the same words, else by its
    first characters.
    """
    every = [_deciding(run) for run in runs.iter_rows(named=True)]
    told = [i for i, decides in enumerate(runs["decides"]) if decides]
    for field, names in WORDS.items():
        digests = {i: digest for i in told if (digest := _text(every[i].get(field)))}
        said = {(d, _words(json.loads(runs["config"][i]), names)) for i, d in digests.items()}
        words, shared = dict(sorted(said)), Counter(word for _, word in said)
        for i, digest in digests.items():
            every[i][field] = words[digest] if shared[words[digest]] == 1 else digest[:6]
    return every


def _deciding(run: dict[str, Any]) -> dict[str, Any]:
    """Return what decides the result of one row of RUNS; in schema 1, all but `NEUTRAL` fields.

    A legacy log holds no config; its file name gives the variant and `hard_ratio_step`. A run of
    unknown variant is like no other, so its own name stands for its variant.
    """
    config = json.loads(run["decides"] or run["config"] or "null")
    if not isinstance(config, dict):
        config = {"hard_ratio_step": run["hard_ratio_step"]}
    left_out = NAMED | ({"seed"} if run["decides"] else NEUTRAL)
    settings = {name: value for name, value in config.items() if name not in left_out}
    return settings | {"variant": run["variant"] or f"unknown variant of {run['run_id']}"}


def _words(config: dict[str, Any], names: tuple[str, ...]) -> str:
    """Join the value of the first of these fields and `field=value` of each other that is set."""
    said = [(name, config[name]) for name in names if config.get(name) is not None]
    return printable(", ".join(f"{v}" if name == names[0] else f"{name}={v}" for name, v in said))


def _varying(every: list[dict[str, Any]]) -> list[str]:
    """List the fields, without the variant, whose value is not the same in all of these runs.

    `negatives` only names the two hard_ratio numbers: where those say it, it is left out.
    """
    fields = sorted({field for settings in every for field in settings} - {"variant"})
    varying = [f for f in fields if len({_text(settings.get(f)) for settings in every}) > 1]
    numbers = {"hard_ratio_start", "hard_ratio_step"} & set(varying)
    return [field for field in varying if field != "negatives" or not numbers]


def _name(settings: dict[str, Any], usual: dict[str, str | None]) -> str:
    """Name a configuration: the variant, then each field whose value is not the usual one."""
    texts = {field: _text(settings.get(field)) for field in usual}
    odd = [f"{field}={texts[field] or 'unset'}" for field in usual if texts[field] != usual[field]]
    return ", ".join([printable(settings["variant"]), *odd])


def _usual(every: list[dict[str, Any]], fields: list[str]) -> dict[str, str | None]:
    """Find the most frequent value of each field; unset wins a tie, then the alphabet decides."""
    counts = {field: Counter(_text(settings.get(field)) for settings in every) for field in fields}
    return {
        field: min(count, key=lambda value: (-count[value], value is not None, value or ""))
        for field, count in counts.items()
    }


def _text(value: Any) -> str | None:
    """Write a config value as text; equal numbers (1, 1.0) give equal text, null gives None."""
    if value is None:
        return None
    if isinstance(value, str):
        return printable(value)
    return f"{value:.15g}" if isinstance(value, float) else printable(json.dumps(value))
