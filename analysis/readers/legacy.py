"""Reads the legacy text logs that the earlier system printed.

    file = LegacyFile(source="old/with_relu_logs.txt", run_id="with_relu_logs", data=b"…")
    log = read([file])

Takes many files in one call and parses them together, as one column of lines.

What is read, and what is not:

- Only whole lines count. A line that shows a piece of the format and is not whole (a broken
  number, two lines run together) is rejected with its line number; all other text passes.
- `开始第{e}个epoch的训练` opens epoch e. A loss below it carries epoch e and its mini batch as
  step; the top-1 lines that close the epoch are measured after it, so they carry e + 1.
- A second `开始第0个epoch的训练` in a file begins another run, '#2'. Where another epoch comes
  twice, the last record of a value wins. A value below a missing or broken epoch line is
  rejected: its epoch is not known.
- The first line may lack its first character.
- A last line without a newline is legitimate in these files, but a number cut short looks whole.
  Such a last value is taken and noted, unless it is a top-1 that does not fit the sample size
  recovered from the rest of its series: better no value than a wrong one.
- A number that is not finite is null.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Collection, Iterator, Sequence
from pathlib import PurePath
from typing import NamedTuple

import polars as pl

from analysis.readers.sample_size import common_denominator, lowest_denominators
from analysis.readers.variant_names import canonical_name, decay_of_name, variant_of_name
from analysis.schema import METRICS, REJECTED, RUNS, WARNINGS, Log, conform

#: A line that holds one of these, the second kind to open an epoch, was meant to be a log line.
EPOCH_FRAGMENTS = ("开始第", "个epoch的训练")
FRAGMENTS = (
    *EPOCH_FRAGMENTS,
    *("当前第", "个mini batch", "当前loss为"),
    *("集top1", "top1 accuracy", "accuracy为"),
)
SPLIT_WORDS = {"训练": "training", "验证": "validation", "测试": "test"}

_FLOAT = r"-?(?:[0-9]+\.[0-9]+(?:e[+-][0-9]+)?|[0-9]+e[+-][0-9]+|inf|nan)"  # as Python prints it
_SHARE = r"(?:0\.[0-9]+|1\.0|[0-9](?:\.[0-9]+)?e-[0-9]+)"
_LINE = (
    r"^(?:开始第[0-9]{1,9}个epoch的训练"
    rf"|当前第[0-9]{{1,18}}个mini batch，当前loss为{_FLOAT}"
    rf"|(?:训练|验证|测试)集top1 accuracy为{_SHARE})[ \t\r]*$"
)
_FIRST_CHARACTERS = "开当训验测"
_CONTINUATION_BYTES = bytes(range(0x80, 0xC0))  # what is left of a character without its first byte
_SERIES = ["file", "run", "split"]


class LegacyFile(NamedTuple):
    """One legacy log file."""

    source: str  # its path; the last part spells the variant
    run_id: str  # of its first run; further ones take '#2', '#3', …
    data: bytes


def read(files: Sequence[LegacyFile], events: Collection[str] | None = None) -> Log:
    """Read legacy logs; `events` limits METRICS to these events ('step', 'eval').

    Without 'step' it is several times as fast: the losses are checked, but not parsed.
    The tables of all files are joined, in the order of `files`.
    """
    every_line = _lines(_texts(files))
    if events is None or "step" in events:
        lines = _judged(every_line)
    else:
        lines = _judged(_without_inner_steps(every_line))
        if lines.filter(pl.col("event") == "step", pl.col("reason").is_not_null()).height:
            lines = _judged(every_line)  # whole blocks of losses are rejected: count each line
    # Any text may speak of top1 accuracy; a log has a whole line of the format.
    logs = lines.filter(pl.col("event").is_not_null()).select("file").unique()
    lines = lines.join(logs, on="file", how="semi", maintain_order="left")
    is_read = pl.col("reason").is_null()
    wanted = pl.lit(True) if events is None else pl.col("event").is_in(["epoch", *events])
    values = _values(lines.filter(is_read, wanted))
    source = pl.lit(pl.Series([file.source for file in files], dtype=pl.String)).gather("file")
    rejected = lines.filter(~is_read, ~pl.col("unended")).select(
        source.alias("source"), "line", "reason"
    )
    runs = _runs(files, values, rejected).join(logs, on="file", how="semi", maintain_order="left")
    metrics = (
        values.filter(pl.col("event") != "epoch", ~pl.col("misfit"))
        .join(runs, on=["file", "run"], how="left", maintain_order="left")
        .with_columns(metric=pl.col("event").replace_strict({"step": "loss", "eval": "top1"}))
    )
    return Log(
        runs=conform(runs, RUNS),
        metrics=conform(metrics, METRICS),
        rejected=conform(rejected, REJECTED),
        warnings=pl.DataFrame(schema=WARNINGS),
        notes=(*_not_logs(files, logs), *_notes(files, lines, values)),
    )


def _texts(files: Sequence[LegacyFile]) -> pl.Series:
    """Decode each file: drop a byte order mark, mend the first line, replace stray bytes."""
    data = [_with_first_character(file.data.removeprefix(BOM_UTF8)) for file in files]
    try:
        # polars checks UTF-8 many times as fast as Python decodes it.
        return pl.Series(data, dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.ComputeError:
        return pl.Series([text.decode(errors="replace") for text in data], dtype=pl.String)


def _with_first_character(data: bytes) -> bytes:
    """Put back the first character of the first line, where it lacks nothing else."""
    end = data.find(b"\n") % (len(data) + 1)  # without a newline: all of it
    stump = data[:end].lstrip(_CONTINUATION_BYTES).decode(errors="replace")
    for character in _FIRST_CHARACTERS:
        if re.match(_LINE, character + stump):
            return (character + stump).encode() + data[end:]
    return data


def _lines(texts: pl.Series) -> pl.DataFrame:
    """Split texts into one row a line: file (index), line (from 1), text and three flags.

    unended: the line is the last and has no newline; whole: it is a line of the format; step: it is
    a whole line with a loss.
    """
    text = pl.col("text")
    return (
        pl.DataFrame({"text": texts.str.split("\n")})
        .with_row_index("file")
        .with_columns(line=pl.int_ranges(1, text.list.len() + 1), lines=text.list.len())
        .explode("text", "line")
        .with_columns(whole=text.str.contains(_LINE), unended=pl.col("line") == pl.col("lines"))
        .with_columns(step=pl.col("whole") & text.str.starts_with("当前"))
    )


def _without_inner_steps(lines: pl.DataFrame) -> pl.DataFrame:
    """Keep the first loss of each block: all losses of a block are read or rejected alike."""
    step = pl.col("step")
    follows = step.shift(1, fill_value=False) & (pl.col("line") > 1)
    return lines.filter(~(step & follows) | pl.col("unended"))


def _judged(lines: pl.DataFrame) -> pl.DataFrame:
    """Keep the lines that show a piece of the format, and judge each.

    Adds event ('epoch': opens one; 'step': a loss; 'eval': a top-1; null: not whole) and reason
    (why it is rejected; null: it is read).
    """
    text, event = pl.col("text"), pl.col("event")
    breaks_epoch = event.is_null() & text.str.contains_any(list(EPOCH_FRAGMENTS))
    epoch_known = pl.when(event == "epoch").then(True).when(breaks_epoch).then(False)
    return (
        lines.filter(pl.col("whole") | text.str.contains_any(list(FRAGMENTS)))
        .with_columns(
            event=pl.when("step")
            .then(pl.lit("step"))
            .when(pl.col("whole") & text.str.starts_with("开始"))
            .then(pl.lit("epoch"))
            .when("whole")
            .then(pl.lit("eval"))
        )
        .with_columns(epoch_known=epoch_known.forward_fill().over("file").fill_null(False))
        .select(
            *("file", "line", "text", "unended", "event"),
            reason=pl.when(event.is_null())
            .then(pl.lit("not a whole line of the format"))
            .when(~pl.col("epoch_known"))
            .then(pl.lit("the line that opens its epoch is missing or broken")),
        )
    )


def _values(lines: pl.DataFrame) -> pl.DataFrame:
    """Parse whole lines; where a value occurs several times, the last one is kept.

    Replaces text and reason by run (index in the file), epoch, step, split, value, n (the sample
    size behind a top-1) and misfit (unended, and not a share of n points). Lines that open an epoch
    stay.
    """
    text, event, opens = pl.col("text"), pl.col("event"), pl.col("opens")
    number = text.str.splitn("个", 2).struct[0].str.slice(3).cast(pl.Int64)
    value = text.str.splitn("为", 2).struct[1].str.strip_chars_end(" \t\r").cast(pl.Float64)
    restarts = (opens == 0).fill_null(False) & (opens.is_not_null().cum_sum().over("file") > 1)
    values = (
        lines.with_columns(
            opens=pl.when(event == "epoch").then(number),
            step=pl.when(event == "step").then(number),
            split=text.str.head(2).replace_strict(SPLIT_WORDS, default=None),
            value=pl.when(value.is_finite()).then(value),
        )
        .select(
            *("file", "line", "unended", "event", "step", "split", "value"),
            run=restarts.cum_sum().over("file"),
            epoch=opens.forward_fill().over("file") + (event == "eval"),
        )
        .unique(["file", "run", "epoch", "step", "split"], keep="last", maintain_order=True)
    )
    n = pl.col("n")
    return values.join(
        _sample_sizes(values), on=_SERIES, how="left", maintain_order="left"
    ).with_columns(
        misfit=pl.col("unended")
        & ((pl.col("value") * n).round() / n != pl.col("value")).fill_null(False)
    )


def _sample_sizes(values: pl.DataFrame) -> pl.DataFrame:
    """Recover sample sizes: file, run, split and n. A last line that may be cut is left out."""
    top1 = values.filter(pl.col("event") == "eval", ~pl.col("unended"))
    return (
        top1.with_columns(denominator=lowest_denominators(top1["value"].to_numpy()))
        .group_by(_SERIES)
        .agg(pl.col("denominator").unique())
        .select(
            *_SERIES,
            n=pl.col("denominator").map_elements(common_denominator, return_dtype=pl.Int64),
        )
    )


def _runs(
    files: Sequence[LegacyFile], values: pl.DataFrame, rejected: pl.DataFrame
) -> pl.DataFrame:
    """Describe each run: file and run (indices), and RUNS as far as a legacy log fills it."""
    last_run = dict(values.group_by("file").agg(pl.col("run").max()).iter_rows())
    rejections = dict(rejected.group_by("source").len().iter_rows())
    rows: list[dict[str, object]] = []
    for index, file in enumerate(files):
        name = PurePath(file.source).name
        variant, decay = variant_of_name(name), decay_of_name(name)
        rows += [
            {
                "file": index,
                "run": run,
                "run_id": f"{file.run_id}#{run + 1}" if run else file.run_id,
                "format": "legacy",
                "source": file.source,
                "variant": variant and canonical_name(variant),
                "layernorm": variant and variant.layernorm,
                "relu": variant and variant.relu,
                "hard_ratio_step": None if decay is None else -decay,
                "rejected": rejections.get(file.source, 0),
            }
            for run in range(last_run.get(index, 0) + 1)
        ]
    return pl.DataFrame(rows, schema={"file": pl.UInt32, "run": pl.UInt32, **RUNS})


def _not_logs(files: Sequence[LegacyFile], logs: pl.DataFrame) -> Iterator[str]:
    """Yield a sentence for each file without a whole line of the format."""
    known = set(logs["file"])
    for index, file in enumerate(files):
        if index not in known:
            yield f"{file.source}: not a run log, passed over"


def _notes(files: Sequence[LegacyFile], lines: pl.DataFrame, values: pl.DataFrame) -> Iterator[str]:
    """Yield a sentence for each file whose last line has no newline and may not be whole."""
    misfits = set(values.filter("misfit")["file"])
    doubtful = lines.filter(pl.col("unended"), pl.col("event").ne_missing("epoch"))
    for index, reason in doubtful.select("file", "reason").iter_rows():
        if reason is None and index not in misfits:
            yield f"{files[index].source}: no newline at the end, the last value is taken as whole"
        else:
            yield f"{files[index].source}: torn last line, left out"
