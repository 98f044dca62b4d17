"""Writes the tables of results as rows of text, for terminal, Markdown and HTML alike.

Each function returns rows of cells, the headings first. A share is shown in percent.
"""

from typing import Any

import polars as pl

from analysis.printable import printable, short
from analysis.rendering.labels import counted, point_count
from analysis.schema import POOLS, SPLITS
from analysis.statistics.measures import MEASURES, UNSEEN_SPLITS
from analysis.statistics.results import Results

#: What a figure of each format measures: the tables of a study stand under these words.
FORMATS = {
    "jsonl": "top-1 over all points of a split",
    "jsonl schema 1": "top-1 over all points of a split, by the rules of schema 1",
    "legacy": "top-1 over the first n points only, by distance to the gold counter instead of the "
    "point; described, not tested",
}

#: The measures that a terminal has room for, and those shown with their interval elsewhere.
TERMINAL = (
    *("last_validation", "last_test", "best_validation", "best_epoch", "test_at_best"),
    *("area", "epochs_to_target"),
)
WITH_INTERVAL = ("last_validation", "last_test")

#: Letters of a configuration's name in a terminal; that of an unknown variant is its run_id.
LONGEST_NAME = 34

#: Headings of top-1 at the best epoch over the points that share no text with training.
UNSEEN_HEADINGS = {"validation": "best validation, unseen %", "test": "test there, unseen %"}

CURVE = "v(e) is the validation top-1 after e epochs."
UNSEEN_NOTE = "unseen: over the points whose texts are not in training (hits of n)."
POOLS_HEADING = "Top-1 in each pool of candidates, at the last epoch"
NOTATION = (
    "Over several runs: mean ± standard deviation [95 % interval over seeds, Student's t]. "
    "For a single run: [95 % interval, Wilson, n smaller since points of one debate are alike]. "
    "n is training / validation / test."
)

ERRORS_HEADING = "Answers by kind of point, and what the wrong ones are, at the last epoch"
ERRORS_NOTATION = (
    "Top-1 by kind of point; of the wrong answers, the share of each kind. n: points or wrong "
    "answers, the mean over the runs of a configuration; intervals: 95 %. Lengths "
    "are quartiles. Leaked: shares a text across the border of training and held-out splits. "
    "Theme: the domain, in another debate."
)


def heading(results: Results) -> str:
    """Say what a study is, and what its figures measure."""
    runs = counted(results.by_run.height, "run")
    configurations = counted(results.by_run["configuration"].n_unique(), "configuration")
    return f"{results.study.name}: {runs} of {configurations}, {FORMATS[results.study.format]}"


def untrained(results: Results) -> str:
    """Say what the untrained encoder reaches; nothing where it was not logged."""
    found = [f"{split} {100 * value:.1f} %" for split, value in results.untrained.items()]
    return f"Untrained encoder, by its nearest neighbour: {', '.join(found)}" if found else ""


def target_heading(by_run: pl.DataFrame) -> str:
    """Return the heading of the epochs to the study's common target."""
    target = by_run.select(pl.col("target").drop_nulls().first()).item()
    return "epochs to target" if target is None else f"epochs to {100 * target:g} %"


def configuration_rows(results: Results, whole: bool = True) -> list[list[str]]:
    """Write one row per configuration: mean ± standard deviation.

    `whole`: all measures, with intervals, the number of runs left out, and names of any length;
    else what a terminal has room for.
    """
    measures = MEASURES if whole else TERMINAL
    headings = {name: _heading(name) for name in measures}
    if "epochs_to_target" in headings:
        headings["epochs_to_target"] = target_heading(results.by_run)
    rows = [["configuration", "runs", *headings.values()]]
    for row in results.by_configuration.iter_rows(named=True):
        name, runs = row["configuration"], str(row["runs"])
        if not whole:
            name = short(name, LONGEST_NAME)
        elif row["left_out"]:
            runs += f" (+{row['left_out']} left out)"
        rows.append([name, runs, *(_cell(row, measure, whole) for measure in measures)])
    return rows


def run_rows(table: pl.DataFrame) -> list[list[str]]:
    """Write the table of `per_run`; n is training / validation / test."""
    unseen = [split for split in UNSEEN_SPLITS if f"unseen_{split}" in table.columns]
    heads = ["run", "configuration", "status", "n", "epochs", *(_heading(m) for m in MEASURES)]
    return [heads + [UNSEEN_HEADINGS[split] for split in unseen]] + [
        [
            printable(row["run_id"]),
            row["configuration"],
            row["status"] or "–",
            " / ".join(number(row[f"n_{split}"]) for split in SPLITS),
            number(row["last_epoch"]),
            *(_cell(row, name) for name in MEASURES),
            *(_unseen_cell(row, split) for split in unseen),
        ]
        for row in table.iter_rows(named=True)
    ]


def pool_rows(table: pl.DataFrame) -> list[list[str]]:
    """Write the table of `pools`."""
    return [["configuration", "split", "n", *(f"{pool} %" for pool in POOLS)]] + [
        [row["configuration"], row["split"], number(row["n"])]
        + [_percent(row[pool]) for pool in POOLS]
        for row in table.iter_rows(named=True)
    ]


def error_rows(table: pl.DataFrame) -> list[list[str]]:
    """Write ERROR_ANALYSIS of one split: one row per group, one column per configuration."""
    names = table["configuration"].unique(maintain_order=True).to_list()
    found = [[f"{table['split'][0]} %", "", "n", *names]]
    for (aspect, group), cells in table.group_by("aspect", "group", maintain_order=True):
        of_name = {row["configuration"]: row for row in cells.iter_rows(named=True)}
        texts = [_error_cell(of_name[name]) if name in of_name else "–" for name in names]
        found.append(
            [str(aspect), printable(str(group)), point_count(cells["n"].to_list()), *texts]
        )
    return found


def notation(by_run: pl.DataFrame) -> list[str]:
    """Explain the cells of the tables of runs and configurations."""
    return [NOTATION] + [UNSEEN_NOTE] * ("unseen_test" in by_run.columns)


def _heading(measure: str) -> str:
    """Return the heading of a measure, with its unit."""
    return MEASURES[measure].heading + (" %" if MEASURES[measure].percent else "")


def _cell(row: dict[str, Any], measure: str, whole: bool = True) -> str:
    """Write one measure of a row: value, ± sd over runs, and the interval of the main two."""
    percent, digits = MEASURES[measure].percent, decimals(measure, row[measure])
    if row.get(f"{measure}_sd") is None:
        text = _percent(row[measure]) if percent else number(row[measure], digits)
    else:
        scale = 100 if percent else 1
        mean, sd = row[measure], row[f"{measure}_sd"]
        text = f"{scale * mean:.{digits}f} ± {scale * sd:.{digits}f}"
    if whole and measure in WITH_INTERVAL and row[f"{measure}_low"] is not None:
        ends = (_percent(row[f"{measure}_{side}"]) for side in ("low", "high"))
        text += f" [{', '.join(ends)}]"
    return text


def _unseen_cell(row: dict[str, Any], split: str) -> str:
    """Write top-1 over unseen points with its hits; a dash where it was not logged."""
    share, hits, n = (row[f"{name}unseen_{split}"] for name in ("", "hits_", "n_"))
    return "–" if share is None else f"{_percent(share)} ({hits:,} of {n:,})"


def _error_cell(row: dict[str, Any]) -> str:
    """Write one share of ERROR_ANALYSIS with its interval."""
    share, low, high = (f"{100 * row[name]:.1f}" for name in ("share", "low", "high"))
    return f"{share} [{low}, {high}]"


def number(value: float | None, decimals: int = 1) -> str:
    """Write a number without decimals that are all 0; null is a dash."""
    return "–" if value is None else f"{value:,.{decimals}f}".removesuffix(f".{'0' * decimals}")


def decimals(measure: str, value: float | None) -> int:
    """Return how many decimals are shown of a measure: of few epochs to a target hundredths."""
    return 2 if measure == "epochs_to_target" and (value or 0) < 10 else 1


def _percent(share: float | None) -> str:
    """Write a share in percent with one decimal, without the unit; null is a dash."""
    return "–" if share is None else f"{100 * share:.1f}"
