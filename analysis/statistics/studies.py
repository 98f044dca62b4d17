"""Groups runs into studies, whose runs share all that decides a result but factors and seed.

The factors are LayerNorm and ReLU, so a study holds up to four configurations, one a variant.
Figures, tables and effects live inside a study: other runs answer another question. `comparisons`
alone looks across.
"""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, NamedTuple

import polars as pl

from analysis.printable import printable
from analysis.schema import FORMAT_OF_SCHEMA, Log
from analysis.statistics.study_names import UNSET, Settings, phrase, redundant, slug, study_names

#: Config fields that do not decide the result of a run whose log does not say what does (schema 1).
NEUTRAL = {
    "run_id",
    "log_dir",
    "checkpoint_dir",
    "device",
    "log_every",
    "checkpoint_every",
    "resume",
    "trec",
}

#: The factors and the seed: what the runs of one study may differ in.
WITHIN = {"layernorm", "relu", "variant", "seed"}

#: Fields of `decides` that are digests → the config fields that say the same in words.
WORDS = {"corpus": ("data_dir",), "encoder": ("encoder", "layers"), "init_from": ("init_from",)}

#: Number of the schema that a format in RUNS is read from.
SCHEMA_OF_FORMAT = {name: number for number, name in FORMAT_OF_SCHEMA.items()}

#: Fields that only name other settings: they are shown, but do not tell studies apart.
NAMES = ("recipe", "negatives")

LEGACY = "legacy logs"
NO_START = "unknown (no run_start)"


@dataclass(frozen=True, eq=False)
class Study:
    """One study: its short name, what decides its results, and its runs alone."""

    name: str
    settings: Settings
    log: Log

    @property
    def format(self) -> str:
        """The format of its logs, as in RUNS."""
        return str(self.log.runs["format"][0])

    @property
    def slug(self) -> str:
        """The name as that of a folder, which no other study of the log has."""
        return slug(self.name)


def studies(log: Log) -> list[Study]:
    """Split a log into its studies: those of the newest format first, then those of most runs,
    then the one that was begun first.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    every = _settings(log.runs)
    for row, settings in enumerate(every):
        deciding = {field: value for field, value in settings.items() if field not in NAMES}
        groups[json.dumps(deciding, sort_keys=True)].append(row)
    members = sorted(
        groups.values(),
        key=lambda rows: (
            log.runs["format"][rows[0]],
            -len(rows),
            str(log.runs["started"][rows].min()),
        ),
    )
    names = study_names([every[rows[0]] for rows in members])
    return [
        Study(name, every[rows[0]], _of_runs(log, log.runs[rows]))
        for name, rows in zip(names, members, strict=True)
    ]


def differing(one: Study, other: Study) -> dict[str, tuple[str | None, str | None]]:
    """List the settings in which two studies differ: field → the value of each.

    The two numbers of a schedule of hard negatives count as one setting, by its name.
    """
    fields = [*one.settings, *(field for field in other.settings if field not in one.settings)]
    values = {field: (one.settings.get(field), other.settings.get(field)) for field in fields}
    found = {field: pair for field, pair in values.items() if pair[0] != pair[1]}
    # A recipe is a name of the others.
    return {f: pair for f, pair in found.items() if f not in {"recipe"} | redundant(found.keys())}


def _of_runs(log: Log, runs: pl.DataFrame) -> Log:
    """Cut a log down to some of its runs, and name the configuration of each."""
    only = runs.select("run_id")
    return replace(
        log,
        runs=runs.with_columns(configuration=pl.Series(_configurations(runs), dtype=pl.String)),
        metrics=log.metrics.join(only, on="run_id", how="semi"),
        rejected=log.rejected.join(runs, on="source", how="semi", maintain_order="left"),
        warnings=log.warnings.join(only, on="run_id", how="semi"),
        predictions=log.predictions.join(only, on="run_id", how="semi"),
    )


def _configurations(runs: pl.DataFrame) -> list[str]:
    """Name the configuration of each run: its variant.

    A run of unknown variant is like no other and bears its own name. Legacy logs of one variant may
    differ in the step of hard_ratio that their file names give, which then is a part of the name.
    """
    steps: dict[str, set[float | None]] = defaultdict(set)
    for variant, step in runs.select("variant", "hard_ratio_step").rows():
        steps[variant].add(step)
    return [
        printable(run_id if variant is None else variant)
        + ("" if len(steps[variant]) == 1 or format_ != "legacy" else _step(step))
        for run_id, variant, step, format_ in runs.select(
            "run_id", "variant", "hard_ratio_step", "format"
        ).rows()
    ]


def _step(step: float | None) -> str:
    return ", no step" if step is None else f", step {step:g}"


def _settings(runs: pl.DataFrame) -> list[Settings]:
    """Return what decides the result of each run, the factors and the seed left out.

    A digest is replaced by the words that the first run has for it; where two digests have the same
    words, its first characters are added. All legacy logs are of one study: they say so little.
    """
    every = [_deciding(run) for run in runs.iter_rows(named=True)]
    for field in WORDS:
        found = {i: own[field] for i, own in enumerate(every) if field in own}
        words = {content.digest: content.words for content in reversed(found.values())}
        said = Counter(words[digest] for digest in words if digest)
        for i, (digest, own_words) in found.items():
            text = words[digest] if digest else own_words
            every[i][field] = f"{text} {digest[:6]}" if digest and said[text] > 1 else text
    return [{field: _text(value) for field, value in own.items()} for own in every]


class _Content(NamedTuple):
    """Something that a log identifies by a digest (schema 1: None), and the words for it."""

    digest: str | None
    words: str


def _deciding(run: dict[str, Any]) -> dict[str, Any]:
    """Return what decides the result of one row of RUNS, the corpus first."""
    if run["format"] == "legacy":
        return {"corpus": _Content(None, LEGACY)}
    config = json.loads(run["config"] or "null")
    if config is None:  # its first line is lost, so that it compares with no other
        return {"corpus": _Content(None, NO_START), "run_id": run["run_id"]}
    told = json.loads(run["decides"] or "{}")
    words = {field: _words(config, names) for field, names in WORDS.items()}
    content = {field: _Content(_text(told.get(field)), words[field]) for field in WORDS}
    decides = told or {name: value for name, value in config.items() if name not in NEUTRAL}
    named: dict[str, Any] = {"schema": SCHEMA_OF_FORMAT[run["format"]]}
    named |= {name: config[name] for name in NAMES if name in config}
    left_out = WITHIN.union(WORDS, *WORDS.values())
    return content | named | {n: value for n, value in decides.items() if n not in left_out}


def _words(config: dict[str, Any], names: tuple[str, ...]) -> str:
    """Say in words what a digest stands for: the end of the path, and other fields that are set."""
    first = config.get(names[0])
    if first is None:
        return UNSET[names[0]]
    said = [PurePath(str(first)).name or str(first)]
    said += [phrase(name, str(config[name])) for name in names[1:] if config.get(name) is not None]
    return printable(" · ".join(said))


def _text(value: Any) -> str | None:
    """Write a config value as text; equal numbers (1, 1.0) give equal text, null gives None."""
    if value is None:
        return None
    if isinstance(value, str):
        return printable(value)
    return f"{value:.15g}" if isinstance(value, float) else printable(json.dumps(value))
