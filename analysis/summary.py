"""What each run and each configuration came to: one row a run, one row a configuration.

python -m analysis.summary logs/                  # a table here, summary.csv and summary.md there
python -m analysis.summary logs/ --out=results
"""

import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

import commandline
from analysis import configurations, intervals, output, verdict
from analysis.printable import printable
from analysis.readers import logs
from analysis.schema import Log

SPLITS = ("training", "validation", "test")
POOLS = ("sdoc", "sdc", "sdoa", "sda", "stc", "sta", "epc", "epa")

#: Reached means at least this share of the run's own best validation top-1.
REACHED = 0.95


class Measure(NamedTuple):
    """One figure of a run: its heading, whether it is shown in percent, and what it means."""

    heading: str
    percent: bool
    definition: str


#: The figures of a run in the order of the tables; v(e) is the validation top-1 after e epochs.
MEASURES = {
    "best_validation": Measure("best validation", True, "the highest v"),
    "best_epoch": Measure("at epoch", False, "the epoch of the highest v, the first on ties"),
    "test_at_best": Measure(
        "test there",
        True,
        "test top-1 at that epoch: not the best test figure, which would be chosen on test",
    ),
    "last_validation": Measure("last validation", True, "v at the last evaluation"),
    "last_test": Measure("last test", True, "test top-1 at the last evaluation"),
    "epochs_to_95": Measure(
        "epochs to 95 %", False, "the first epoch with v at 95 % of its best or above"
    ),
    "area": Measure(
        "area",
        True,
        "area under v by the trapezoid rule over the epochs between first and last evaluation: "
        "the mean height of the curve",
    ),
    "stability": Measure(
        "stability",
        True,
        "standard deviation of v over the last tenth of the evaluations, at least three of them: "
        "the lower, the steadier",
    ),
    "gap": Measure("gap", True, "training top-1 minus v at the epoch of the highest v"),
}

#: The measures that are a share of the points of a split, so that Wilson's interval applies.
SHARES = {
    "best_validation": "validation",
    "test_at_best": "test",
    "last_validation": "validation",
    "last_test": "test",
}

#: Where training kept leaked pairs: a held-out split → the heading of its top-1 at the best epoch
#: over the points that share no text with training.
UNSEEN = {"validation": "best validation, unseen %", "test": "test there, unseen %"}

#: The measures that a terminal has room for, and those shown there with their interval.
TERMINAL = ("best_validation", "best_epoch", "test_at_best", "epochs_to_95", "last_validation")
WITH_INTERVAL = ("best_validation", "test_at_best")

#: What a figure of each format measures: tables and pictures of both stand under these words.
FORMATS = {
    "jsonl": "Run logs: top-1 over all points of a split",
    "jsonl schema 1": "Run logs of schema 1: top-1 over all points of a split, by other rules",
    "legacy": "Legacy logs: top-1 over the first n points only, ranked among other candidates",
}

CURVE = "v(e) is the validation top-1 after e epochs."
UNSEEN_NOTE = "unseen: over the points of which training held no text; (hits of n)."
POOLS_HEADING = "Top-1 in each pool of candidates, at the best epoch"
NOTATION = (
    "Over several runs: mean ± standard deviation [95 % interval, Student's t]. "
    "For a single run: [95 % interval, Wilson, over the n points of the split]. "
    "n is training / validation / test."
)

#: Evaluations within the first epoch have its number, 0, too, and steps behind them.
WHOLE_EPOCHS = (pl.col("epoch") > 0) | (pl.col("step").fill_null(0) == 0)

#: More runs than this would bury the rest of a terminal's output; the files hold them all.
MOST_SHOWN = 40


class Options(BaseModel):
    """Summarise run logs: a row for each run and each configuration over its seeds, printed and
    written to summary.csv and summary.md; verdicts on their differences are printed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    paths: list[str] = Field(["logs"], description="Log files, folders or globs; unset: logs.")
    out: Path | None = Field(
        None, description="Folder for the files; unset: plots/ beside the logs."
    )


class Tables(NamedTuple):
    """The three summary tables: of `per_run`, `per_configuration` and `pools`."""

    runs: pl.DataFrame
    configurations: pl.DataFrame
    pools: pl.DataFrame


def measure(log: Log) -> Tables:
    """All summary tables of what was read."""
    by_run = per_run(log.runs, log.metrics)
    return Tables(by_run, per_configuration(by_run), pools(by_run, log.metrics))


def curves(metrics: pl.DataFrame) -> pl.DataFrame:
    """Top-1 by epoch: run_id, epoch, training, validation, test (shares) and n_<split> (points).

    `metrics` has the columns of METRICS. Rows are in order of run and epoch, those within the first
    epoch left out; a split that was not evaluated at an epoch is null.
    """
    top1 = metrics.filter(WHOLE_EPOCHS, event="eval", metric="top1")
    of_split = {split: pl.col("split") == split for split in SPLITS}
    return (
        top1.group_by("run_id", "epoch")
        .agg(
            *(
                pl.col("value").filter(of).drop_nulls().last().alias(s)
                for s, of in of_split.items()
            ),
            *(pl.col("n").filter(of).last().alias(f"n_{s}") for s, of in of_split.items()),
        )
        .sort("run_id", "epoch")
    )


def per_run(runs: pl.DataFrame, metrics: pl.DataFrame) -> pl.DataFrame:
    """One row a run: configuration, format, variant, run_id, seed, status, counted, the measures.

    The measures are those that MEASURES defines. Shares lie in 0 to 1 and have Wilson's interval
    in <measure>_low and <measure>_high where the number of points, n_<split>, is known. A figure
    that the log does not support is null. Where a run kept leaked pairs, the table also has
    unseen_<split>, hits_unseen_<split> and n_unseen_<split> of `UNSEEN`.

    `counted` says whether the run stands for its configuration: where a configuration has
    completed runs, those that did not complete are left out, and of several runs with one seed the
    longest (then the latest) counts.
    """
    v = pl.col("validation")
    at_best = v == v.max()
    v_known = v.drop_nulls()
    e_known = pl.col("epoch").filter(v.is_not_null())
    height = (v_known + v_known.shift()) / 2 * e_known.diff()
    width = e_known.last() - e_known.first()
    tail = pl.max_horizontal(pl.lit(3), (v_known.len() / 10).ceil()).cast(pl.Int64)
    measured = (
        curves(metrics)
        .group_by("run_id")
        .agg(
            last_epoch=pl.col("epoch").last(),
            best_validation=v.max(),
            best_epoch=pl.col("epoch").filter(at_best).first(),
            test_at_best=pl.col("test").filter(at_best).first(),
            last_validation=v_known.last(),
            last_test=pl.col("test").drop_nulls().last(),
            epochs_to_95=pl.col("epoch").filter(v >= REACHED * v.max()).first(),
            area=pl.when(width > 0).then(height.sum() / width),
            stability=pl.when(v_known.len() >= 3).then(v_known.tail(tail).std()),
            gap=(pl.col("training") - v).filter(at_best).first(),
            **{f"n_{split}": pl.col(f"n_{split}").drop_nulls().last() for split in SPLITS},
        )
        .with_columns(
            end.alias(f"{measure}_{side}")
            for measure, split in SHARES.items()
            for side, end in zip(
                ("low", "high"),
                intervals.wilson(pl.col(measure), pl.col(f"n_{split}")),
                strict=True,
            )
        )
    )
    identity = ("configuration", "format", "variant", "run_id", "seed", "status", "started")
    table = configurations.label(runs).select(identity).join(measured, on="run_id", how="left")
    if (unseen := _unseen(metrics)).height:
        unseen = unseen.rename({"epoch": "best_epoch"})
        table = table.join(unseen, on=["run_id", "best_epoch"], how="left")
    return (
        table.with_columns(counted=_counted())
        .sort("format", "configuration", "seed", "started", "run_id")
        .drop("started")
    )


def per_configuration(by_run: pl.DataFrame) -> pl.DataFrame:
    """One row a configuration over its counted runs, from the table of `per_run`.

    Columns: configuration, format, variant, runs (counted), left_out (runs), seeds (text),
    n_<split> and, for each measure, its mean, <measure>_sd (n − 1), and the 95 % interval
    <measure>_low and <measure>_high: Student's over several runs, Wilson's for the shares of a
    single run.
    """
    counted = by_run.filter("counted")
    table = counted.group_by("configuration", "format", "variant", maintain_order=True).agg(
        pl.len().alias("runs"),
        pl.col("seed").drop_nulls().cast(pl.String).str.join(" ").alias("seeds"),
        *(pl.col(f"n_{split}").min() for split in SPLITS),
        *(pl.col(name).cast(pl.Float64).mean() for name in MEASURES),
        *(pl.col(name).cast(pl.Float64).std().alias(f"{name}_sd") for name in MEASURES),
        *(pl.col(name).count().alias(f"{name}_count") for name in MEASURES),
        *(pl.col(f"{name}_{side}").first() for name in SHARES for side in ("low", "high")),
    )
    left_out = by_run.group_by("configuration").agg(left_out=(~pl.col("counted")).sum())
    return (
        table.join(left_out, on="configuration", how="left", maintain_order="left")
        .with_columns(end for measure in MEASURES for end in _interval(measure))
        .drop(f"{measure}_count" for measure in MEASURES)
    )


def pools(by_run: pl.DataFrame, metrics: pl.DataFrame) -> pl.DataFrame:
    """Top-1 in each of the eight pools: configuration, split, n, and a mean share per pool.

    Means are over the counted runs that logged pools; no rows where none did.
    """
    return (
        metrics.filter(pl.col("event") == "pools")
        .join(by_run.filter("counted").select("configuration", "run_id"), on="run_id")
        .group_by("configuration", "split")
        .agg(
            pl.col("n").min(),
            *(
                pl.col("value").filter(pl.col("metric") == f"top1_{pool}").mean().alias(pool)
                for pool in POOLS
            ),
        )
        .sort("configuration", pl.col("split").replace_strict(SPLITS, range(3), default=3))
    )


def _unseen(metrics: pl.DataFrame) -> pl.DataFrame:
    """Top-1 over unseen points: run_id, epoch, then for each of `UNSEEN` share, hits and n."""
    found = metrics.filter(WHOLE_EPOCHS, event="eval", metric="top1_unseen")
    share, n = pl.col("value"), pl.col("n")
    return (
        found.filter(pl.col("split").is_in(list(UNSEEN)))
        .group_by("run_id", "epoch")
        .agg(
            column.filter(pl.col("split") == split).last().alias(f"{name}unseen_{split}")
            for split in UNSEEN
            for name, column in (
                ("", share),
                ("hits_", (share * n).round().cast(pl.Int64)),
                ("n_", n),
            )
        )
    )


def _counted() -> pl.Expr:
    """Whether a row of the run table stands for its configuration, as `per_run` defines it."""
    completed = (pl.col("status") == "completed").fill_null(False)
    eligible = completed | ~completed.any().over("configuration")
    longest_first = pl.struct(eligible, "last_epoch", "started", "run_id").rank(
        "ordinal", descending=True
    )
    first_of_seed = longest_first.over("configuration", "seed") == 1
    return eligible & (first_of_seed | pl.col("seed").is_null())


def _interval(measure: str) -> list[pl.Expr]:
    """The interval columns of one measure in the table of `per_configuration`."""
    mean, sd, count = (pl.col(f"{measure}{suffix}") for suffix in ("", "_sd", "_count"))
    share = measure in SHARES
    ends = []
    for side, end in zip(("low", "high"), intervals.student(mean, sd, count), strict=True):
        of_one = pl.col(f"{measure}_{side}") if share else None
        of_several = end.clip(0, 1) if share else end
        ends.append(
            pl.when(count > 1).then(of_several).otherwise(of_one).alias(f"{measure}_{side}")
        )
    return ends


def configuration_rows(
    table: pl.DataFrame, measures: Sequence[str] = tuple(MEASURES)
) -> list[list[str]]:
    """The table of `per_configuration` as text, headings first: mean ± sd [95 % interval]."""
    heads = ["configuration", "runs", *(_heading(name) for name in measures)]
    return [heads] + [
        [
            row["configuration"],
            f"{row['runs']}" + (f" (+{row['left_out']} left out)" if row["left_out"] else ""),
            *(_cell(row, name) for name in measures),
        ]
        for row in table.iter_rows(named=True)
    ]


def run_rows(table: pl.DataFrame, measures: Sequence[str] = tuple(MEASURES)) -> list[list[str]]:
    """The table of `per_run` as text, headings first; n is training / validation / test."""
    unseen = [split for split in UNSEEN if f"unseen_{split}" in table.columns]
    heads = ["run", "configuration", "status", "n", "epochs", *(_heading(m) for m in measures)]
    return [heads + [UNSEEN[split] for split in unseen]] + [
        [
            printable(row["run_id"]),
            row["configuration"],
            row["status"] or "–",
            " / ".join(_number(row[f"n_{split}"], False) for split in SPLITS),
            _number(row["last_epoch"], False),
            *(_cell(row, name) for name in measures),
            *(_unseen_cell(row, split) for split in unseen),
        ]
        for row in table.iter_rows(named=True)
    ]


def pool_rows(table: pl.DataFrame) -> list[list[str]]:
    """The table of `pools` as text, headings first; shares in percent."""
    return [["configuration", "split", "n", *(f"{pool} %" for pool in POOLS)]] + [
        [row["configuration"], row["split"], _number(row["n"], False)]
        + [_number(row[pool], True) for pool in POOLS]
        for row in table.iter_rows(named=True)
    ]


def terminal(rows: list[list[str]]) -> str:
    """Rows of text as columns under each other, figures to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def markdown(rows: list[list[str]]) -> str:
    """Rows of text as a Markdown table; nothing in a cell acts as markup."""
    cells = [[re.sub(r"([\\|<>*`\[\]])", r"\\\1", cell) for cell in row] for row in rows]
    cells.insert(1, ["---"] + ["---:"] * (len(rows[0]) - 1))
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


def terminal_text(tables: Tables) -> str:
    """The tables as a terminal shows them, each format under what its figures measure."""
    parts = []
    for heading, runs, by_configuration in by_format(tables):
        parts += [heading, "", terminal(configuration_rows(by_configuration, TERMINAL)), ""]
        parts += [terminal(run_rows(runs.head(MOST_SHOWN), TERMINAL)), ""]
        if runs.height > MOST_SHOWN:
            parts += [f"… and {runs.height - MOST_SHOWN:,} more runs in summary.md", ""]
    if not tables.pools.is_empty():
        parts += [POOLS_HEADING, "", terminal(pool_rows(tables.pools)), ""]
    return "\n".join([*parts, *notation(tables), ""])


def notation(tables: Tables) -> list[str]:
    """What the cells of the tables mean."""
    return [NOTATION] + [UNSEEN_NOTE] * ("unseen_test" in tables.runs.columns)


def markdown_text(tables: Tables) -> str:
    """The tables as a Markdown document that defines every column."""
    parts = ["# Summary"]
    for heading, runs, by_configuration in by_format(tables):
        parts += [f"## {heading}", markdown(configuration_rows(by_configuration))]
        parts += [markdown(run_rows(runs))]
    if not tables.pools.is_empty():
        parts += [f"## {POOLS_HEADING}", markdown(pool_rows(tables.pools))]
    parts += ["## Columns", *notation(tables), CURVE]
    parts += ["\n".join(f"- {m.heading}: {m.definition}" for m in MEASURES.values())]
    return "\n\n".join(parts) + "\n"


def write(tables: Tables, folder: Path) -> list[Path]:
    """Write summary.csv (a row a configuration, then a row a run) and summary.md to `folder`."""
    levels = {"configuration": tables.configurations, "run": tables.runs}
    csv = pl.concat(
        [table.select(pl.lit(level).alias("level"), pl.all()) for level, table in levels.items()],
        how="diagonal_relaxed",
    )
    return [
        output.write(folder / "summary.csv", csv.write_csv()),
        output.write(folder / "summary.md", markdown_text(tables)),
    ]


def tell(log: Log) -> None:
    """Print what the readers passed over to standard error."""
    lines = list(log.notes)
    lines += [
        f"{source}, line {line}: {reason}; left out"
        for source, line, reason in log.rejected.head(MOST_SHOWN).iter_rows()
    ]
    if log.rejected.height > MOST_SHOWN:
        lines.append(f"… and {log.rejected.height - MOST_SHOWN:,} more lines left out")
    for line in lines:
        print(printable(line), file=sys.stderr)


def by_format(tables: Tables) -> Iterator[tuple[str, pl.DataFrame, pl.DataFrame]]:
    """For each format that has runs: its heading, its runs, its configurations."""
    for name, heading in FORMATS.items():
        of_format = pl.col("format") == name
        if not (runs := tables.runs.filter(of_format)).is_empty():
            yield heading, runs, tables.configurations.filter(of_format)


def _heading(measure: str) -> str:
    return MEASURES[measure].heading + (" %" if MEASURES[measure].percent else "")


def _cell(row: dict[str, Any], measure: str) -> str:
    """One figure of a row as text: value, ± sd over runs, and the interval of the main two."""
    percent = MEASURES[measure].percent
    if row.get(f"{measure}_sd") is None:
        text = _number(row[measure], percent)
    else:
        scale = 100 if percent else 1
        text = f"{scale * row[measure]:.1f} ± {scale * row[f'{measure}_sd']:.1f}"
    if measure in WITH_INTERVAL and row[f"{measure}_low"] is not None:
        ends = (_number(row[f"{measure}_{side}"], percent) for side in ("low", "high"))
        text += f" [{', '.join(ends)}]"
    return text


def _unseen_cell(row: dict[str, Any], split: str) -> str:
    share, hits, n = (row[f"{name}unseen_{split}"] for name in ("", "hits_", "n_"))
    return "–" if share is None else f"{_number(share, True)} ({hits:,} of {n:,})"


def _number(value: float | None, percent: bool) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.1f}" if percent else f"{value:,.1f}".removesuffix(".0")


def _summarise(options: Options) -> None:
    """The job: read, measure, print, write."""
    log = logs.read(options.paths, events=("eval", "pools"))
    tell(log)
    tables = measure(log)
    print(terminal_text(tables))
    print(verdict.text(verdict.verdicts(log.runs, tables.runs, log.predictions), tables.runs))
    for path in write(tables, output.folder(options.paths, options.out)):
        print(f"wrote {path}")


def main() -> None:
    """`python -m analysis.summary`."""
    commandline.main(_summarise, Options, prog="summary", positional="paths")


if __name__ == "__main__":
    main()
