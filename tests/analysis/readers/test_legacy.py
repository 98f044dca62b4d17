"""`analysis.readers.legacy`: what is read from the old text logs, and what is rejected."""

import math
import re

import polars as pl
import pytest

from analysis.readers.legacy import LegacyFile, read
from analysis.schema import METRICS, REJECTED, RUNS


def parse(text, name="with_relu_logs.txt", events=None):
    data = text if isinstance(text, bytes) else text.encode()
    return read([LegacyFile(name, "log", data)], events)


def values(log, **where):
    return log.metrics.filter(**where)["value"].to_list()


def rejected(log):
    return log.rejected.select("line", "reason").rows()


NOT_WHOLE = "not a whole line of the format"
NO_EPOCH = "the line that opens its epoch is missing or broken"


def test_losses_carry_their_epoch_and_top1_the_epochs_completed(legacy_text):
    log = parse(legacy_text(top1={"training": [0.25, 0.5], "test": [0.2, 0.4]}, steps=(0, 10)))
    rows = log.metrics.select("event", "epoch", "step", "split", "metric", "value").rows()
    assert rows == [
        ("step", 0, 0, None, "loss", 2.0),
        ("step", 0, 10, None, "loss", 2.01),
        ("eval", 1, None, "training", "top1", 0.25),
        ("eval", 1, None, "test", "top1", 0.2),
        ("step", 1, 0, None, "loss", 1.0),
        ("step", 1, 10, None, "loss", 1.01),
        ("eval", 2, None, "training", "top1", 0.5),
        ("eval", 2, None, "test", "top1", 0.4),
    ]
    assert dict(log.metrics.schema) == METRICS
    assert dict(log.runs.schema) == RUNS
    assert dict(log.rejected.schema) == REJECTED
    assert log.rejected.is_empty()
    assert log.notes == ()


def test_a_run_is_described_by_its_file_name_alone(legacy_text):
    run = parse(legacy_text(), "old/with_layernorm_relu_hard_negatives_0.01_logs.txt").runs.row(
        0, named=True
    )
    known = {name: value for name, value in run.items() if value is not None}
    assert known == {
        "run_id": "log",
        "format": "legacy",
        "source": "old/with_layernorm_relu_hard_negatives_0.01_logs.txt",
        "variant": "with_layernorm_relu",
        "layernorm": True,
        "relu": True,
        "hard_ratio_step": -0.01,
        "rejected": 0,
    }
    unknown = parse(legacy_text(), "log.txt").runs
    assert unknown.select("variant", "layernorm", "relu").row(0) == (None, None, None)


def test_each_split_shows_the_sample_size_its_values_give_away(legacy_text):
    top1 = {
        "training": [3 / 255, 100 / 255, 254 / 255],
        "validation": [1 / 81, 0.0, 1.0],
        "test": [math.pi / 4, 0.5, 0.25],
    }
    log = parse(legacy_text(top1=top1))
    sizes = log.metrics.filter(event="eval").group_by("split").agg(pl.col("n").unique())
    assert dict(sizes.rows()) == {"training": [255], "validation": [81], "test": [None]}
    assert log.metrics.filter(event="step")["n"].is_null().all()


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: text[1:],
        lambda text: text.replace("\n", " \n"),
        lambda text: text.replace("\n", "\nepoch 3: 100%|██████| top1=0.9 {'loss': 1.5}\n\n"),
    ],
    ids=["CRLF", "BOM", "first character lost", "trailing blanks", "text of other programs"],
)
def test_what_surrounds_the_lines_changes_nothing(legacy_text, change):
    text = legacy_text()
    log = parse(change(text))
    assert log.metrics.equals(parse(text).metrics)
    assert log.rejected.is_empty()


@pytest.mark.parametrize(
    "first", ["始第0个epoch的训练", b"\xbc\x80" + "始第0个epoch的训练".encode()]
)
def test_a_first_line_without_its_first_character_is_read(first):
    first = first if isinstance(first, bytes) else first.encode()
    log = parse(first + "\n当前第0个mini batch，当前loss为1.5\n".encode())
    assert values(log) == [1.5]


def test_a_later_line_without_its_first_character_is_rejected(legacy_text):
    log = parse(legacy_text().replace("\n当前第0个", "\n前第0个", 1))
    assert rejected(log) == [(3, NOT_WHOLE)]


def test_epoch_0_again_begins_another_run(legacy_text):
    log = parse(legacy_text() + legacy_text(top1={"test": [0.75]}) + legacy_text())
    assert log.runs["run_id"].to_list() == ["log", "log#2", "log#3"]
    assert values(log, run_id="log#2", event="eval") == [0.75]
    assert values(log, run_id="log#3") == values(log, run_id="log")


def test_an_epoch_that_comes_twice_keeps_the_last_record(legacy_text):
    again = legacy_text(top1={"validation": [0.75]}, first_epoch=1, steps=(0,), loss=lambda *_: 9.0)
    log = parse(legacy_text(top1={"validation": [0.25, 0.5]}, steps=(0,)) + again)
    assert log.runs.height == 1
    assert values(log, event="eval") == [0.25, 0.75]
    assert values(log, event="step") == [2.0, 9.0]


@pytest.mark.parametrize(
    "broken",
    [
        "训练集top1 accuracy为0.5x",
        "训练集top1 accuracy为",
        "训练集top1 accuracy为0.",
        "训练集top1 accuracy为1.5",
        "训练集top1 accuracy为-0.5",
        "练集top1 accuracy为0.5",
        "训练集top1 accuracy为0.5验证集top1 accuracy为0.5",
        "当前第0个mini batch，当前loss为",
        "当前第0个mini batch，当前loss为2.5.1",
        "当前第x个mini batch，当前loss为2.5",
        "当前第0个mini batch，当前loss为2.5 当前第10个mini batch，当前loss为2.5",
        "INFO 当前第0个mini batch，当前loss为2.5",
        "当前第99999999999999999999个mini batch，当前loss为2.5",
    ],
)
@pytest.mark.parametrize("events", [None, ["eval"]])
def test_a_line_that_almost_matches_is_rejected_with_its_number(legacy_text, broken, events):
    lines = legacy_text().splitlines()
    log = parse("\n".join([*lines[:4], broken, *lines[4:], ""]), events=events)
    assert rejected(log) == [(5, NOT_WHOLE)]
    assert log.runs["rejected"].to_list() == [1]
    assert log.metrics.equals(parse(legacy_text(), events=events).metrics)


@pytest.mark.parametrize("events", [None, ["eval"]])
def test_values_below_a_broken_epoch_line_belong_to_no_epoch(legacy_text, events):
    text = legacy_text(top1={"test": [0.25, 0.5, 0.75]}, steps=(0, 10))
    log = parse(text.replace("开始第1个epoch", "开始第1个ep0ch"), events=events)
    assert rejected(log) == [(7, NOT_WHOLE), (8, NO_EPOCH), (9, NO_EPOCH), (11, NO_EPOCH)]
    assert values(log, event="eval") == [0.25, 0.75]


@pytest.mark.parametrize("events", [None, ["eval"]])
def test_values_above_the_first_epoch_line_belong_to_no_epoch(legacy_text, events):
    text = legacy_text(top1={"test": [0.25, 0.5]}, steps=(0, 10))
    log = parse(text[text.index("当前第10") :], events=events)
    assert rejected(log) == [(1, NO_EPOCH), (3, NO_EPOCH)]
    assert log.metrics.filter(event="eval").select("epoch", "value").rows() == [(2, 0.5)]


def test_numbers_that_are_not_finite_are_null(legacy_text):
    losses = [math.nan, math.inf, -math.inf, 1e-05, 1e22]
    log = parse(legacy_text(top1={"test": [0.5]}, steps=range(5), loss=lambda _, b: losses[b]))
    assert values(log, event="step") == [None, None, None, 1e-05, 1e22]


def test_a_log_that_is_cut_anywhere_yields_what_stood_before(legacy_text):
    top1 = {"training": [1 / 255, 20 / 255, 43 / 255], "test": [0.5, 0.25, 0.75]}
    data = legacy_text(top1=top1).encode()
    whole = read([LegacyFile("log.txt", "0", data)]).metrics["value"].to_list()
    cuts = range(len(data))
    log = read([LegacyFile(f"{end}", f"{end}", data[:end]) for end in cuts])
    found = dict(log.metrics.group_by("run_id").agg("value").rows())
    noted = {int(note.split(":")[0]) for note in log.notes if "taken as whole" in note}
    for end in cuts:
        values_of_whole_lines = data[: data.rfind(b"\n", 0, end) + 1].count("为".encode())
        taken = found.get(str(end), [])
        assert taken[:values_of_whole_lines] == whole[:values_of_whole_lines]
        assert len(taken) == values_of_whole_lines + (end in noted)
    assert log.rejected.is_empty()


def test_a_last_line_without_newline_is_taken_and_noted(legacy_text):
    text = legacy_text()
    log = parse(text.rstrip("\n"))
    assert log.metrics.equals(parse(text).metrics)
    assert log.notes == (
        "with_relu_logs.txt: no newline at the end, the last value is taken as whole",
    )


def test_a_last_top1_that_its_series_rules_out_is_torn(legacy_text):
    hits = [40, 100, 127, 200, 254]
    text = legacy_text(top1={"test": [h / 255 for h in hits]})
    log = parse(text[:-4])
    assert values(log, event="eval") == [h / 255 for h in hits[:-1]]
    assert log.metrics.filter(event="eval")["n"].unique().to_list() == [255]
    assert log.notes == ("with_relu_logs.txt: torn last line, left out",)
    assert log.rejected.is_empty()


def test_leaving_losses_out_hides_no_rejected_line_and_no_note(legacy_text):
    text = legacy_text(top1={"test": [0.5]}, steps=(0, 10))
    cut_in_a_loss = text[: text.index("\n开始获取")]
    headless = text[text.index("当前第0") :]
    files = [
        LegacyFile("a.txt", "a", cut_in_a_loss.encode()),
        LegacyFile("b.txt", "b", headless.encode()),
    ]
    whole, brief = read(files), read(files, events=["eval"])
    assert whole.rejected.select("source", "line").rows() == [("b.txt", n) for n in (1, 2, 4)]
    assert brief.rejected.equals(whole.rejected)
    assert brief.runs.equals(whole.runs)
    assert whole.notes == ("a.txt: no newline at the end, the last value is taken as whole",)
    assert brief.notes == whole.notes
    assert read(files[:1], events=["eval"]).notes == whole.notes


def test_losses_can_be_left_out(legacy_text):
    text = legacy_text()
    whole = parse(text)
    assert parse(text, events=["eval"]).metrics.equals(whole.metrics.filter(event="eval"))
    assert parse(text, events=["step"]).metrics.equals(whole.metrics.filter(event="step"))
    assert parse(text, events=["pools"]).metrics.is_empty()


def test_files_read_together_do_not_touch_each_other(legacy_text):
    one, two = legacy_text(), legacy_text(top1={"validation": [0.5]})
    files = [
        LegacyFile("a.txt", "a", one.encode()),
        LegacyFile("b.txt", "b", two[two.index("当前第20") :].encode()),
        LegacyFile("c.txt", "c", b""),
        LegacyFile("d.txt", "d", two.encode() + b"\xff\xfe\n"),
    ]
    log = read(files)
    assert log.runs.select("run_id", "rejected").rows() == [("a", 0), ("b", 2), ("d", 0)]
    assert log.notes == ("c.txt: not a run log, passed over",)
    assert log.rejected.select("source", "line").rows() == [("b.txt", 1), ("b.txt", 3)]
    assert values(log, run_id="a") == values(parse(one))
    assert values(log, run_id="d") == values(parse(two))


def test_a_text_that_speaks_of_top1_accuracy_is_no_log(legacy_text):
    said = "the best top1 accuracy so far is 0.8\n"
    log = read([LegacyFile("notes.txt", "notes", said.encode())])
    assert (log.runs.height, log.rejected.height) == (0, 0)
    assert log.notes == ("notes.txt: not a run log, passed over",)


def test_the_real_logs_hold_what_plain_python_extracts(real_legacy_logs):
    paths = sorted(real_legacy_logs.glob("*.txt"))
    assert len(paths) == 2
    log = read([LegacyFile(str(path), path.stem, path.read_bytes()) for path in paths])
    assert log.runs["variant"].to_list() == ["without_layernorm_relu", "with_layernorm_relu"]
    assert log.runs["hard_ratio_step"].to_list() == [None, -0.01]
    assert log.metrics.filter(event="eval").height == 1200
    assert log.rejected.is_empty()
    assert log.notes == ()
    splits = {"训练集": ("training", 255), "验证集": ("validation", 81), "测试集": ("test", 88)}
    for path in paths:
        text = path.read_text(encoding="utf-8")
        losses = [float(number) for number in re.findall("当前loss为(.*)", text)]
        assert values(log, run_id=path.stem, event="step") == losses
        for chinese, (split, n) in splits.items():
            top1 = [float(number) for number in re.findall(f"{chinese}top1 accuracy为(.*)", text)]
            rows = log.metrics.filter(run_id=path.stem, split=split)
            assert rows["value"].to_list() == top1
            assert rows["epoch"].to_list() == list(range(1, 201))
            assert rows["n"].unique().to_list() == [n]
