"""Damaged logs of both formats are read without a crash, and nothing is made up.

A few hundred by default; MUTATIONS=10000 for more. The seed is fixed: number i is always the same.
"""

import os
import random
import re

import polars as pl

from analysis.errors import AnalysisError
from analysis.readers import logs
from analysis.schema import METRICS, REJECTED, RUNS, WARNINGS

MUTATIONS = int(os.environ.get("MUTATIONS", "300"))

#: A number as either format may spell it.
NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def flip(source, data, other):
    """A few bits turn over."""
    changed = bytearray(data)
    for _ in range(source.randint(1, 8)):
        changed[source.randrange(len(changed))] ^= 1 << source.randrange(8)
    return bytes(changed)


def overwrite(source, data, other):
    """A few bytes become others that the formats use."""
    changed = bytearray(data)
    for _ in range(source.randint(1, 4)):
        changed[source.randrange(len(changed))] = source.choice(
            b'\0\r\n\t "{}[],:.-+eE0179\xff\xe5'
        )
    return bytes(changed)


def cut(source, data, other):
    """The head, the tail or a piece in the middle is lost."""
    start, end = sorted(source.randrange(len(data) + 1) for _ in range(2))
    return source.choice([data[:start], data[start:], data[:start] + data[end:]])


def swap(source, data, other):
    """Lines change places."""
    lines = data.split(b"\n")
    for _ in range(source.randint(1, 5)):
        i, j = source.randrange(len(lines)), source.randrange(len(lines))
        lines[i], lines[j] = lines[j], lines[i]
    return b"\n".join(lines)


def join(source, data, other):
    """Newlines are lost, or another log follows in the middle of a line."""
    if source.random() < 0.5:
        at = source.randrange(len(data))
        return data[:at] + other[source.randrange(len(other)) :]
    lines = data.split(b"\n")
    at = source.randrange(len(lines))
    return b"\n".join(lines[:at]) + b"".join(lines[at : at + 3]) + b"\n".join(lines[at + 3 :])


def numbers_in(text):
    """Every number in a text, without its sign."""
    return {float(number) for number in NUMBER.findall(text)}


def test_damaged_logs_are_read_and_every_value_stands_in_the_log(
    tmp_path, legacy_text, runlog_text
):
    texts = [
        legacy_text(),
        legacy_text(top1={"training": [1 / 255, 20 / 255], "test": [0.0, 1.0]}) * 2,
        runlog_text(run_id="a"),
        runlog_text(run_id="b", steps=(1, 2), status=None),
    ]
    whole = [text.encode() for text in texts]
    source = random.Random(20261123)
    path = tmp_path / "with_relu_log.txt"
    read = 0
    for number in range(MUTATIONS):
        data = source.choice(whole)
        for mutate in source.choices([flip, overwrite, cut, swap, join], k=source.randint(1, 3)):
            data = mutate(source, data or b"\n", source.choice(whole))
        path.write_bytes(data)
        try:
            log = logs.read([path])
        except AnalysisError:
            continue
        read += 1
        assert_sound(log, data.decode(errors="replace"), number)
    assert read > MUTATIONS // 2


def assert_sound(log, text, number):
    assert dict(log.runs.schema) == RUNS
    assert dict(log.metrics.schema) == METRICS
    assert dict(log.rejected.schema) == REJECTED
    assert dict(log.warnings.schema) == WARNINGS
    assert log.runs["run_id"].is_unique().all()
    assert set(log.metrics["run_id"]) <= set(log.runs["run_id"])
    key = [name for name in METRICS if name not in ("value", "n")]
    assert log.metrics.select(key).is_unique().all()
    assert log.rejected["line"].is_between(1, text.count("\n") + 1).all()

    standing = numbers_in(text)

    def stands(value):
        return value is None or float(abs(value)) in standing

    # A legacy top-1 is measured one epoch after the one that its log names.
    named_epoch = pl.col("epoch") - (
        (pl.col("event") == "eval") & (log.runs["format"] == "legacy").any()
    )
    for column in ("value", "step", named_epoch.alias("epoch")):
        for value in log.metrics.select(column).to_series():
            assert stands(value), f"mutation {number}: {column} {value} is made up"
    for column in ("seed", "seconds", "hard_ratio_step"):
        assert all(map(stands, log.runs[column])), f"mutation {number}: {column} is made up"
