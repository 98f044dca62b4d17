"""`analysis.readers.jsonl`: the JSONL log, whole, torn, broken and resumed."""

import json
from datetime import UTC, datetime

import pytest

from analysis.readers.jsonl import read
from analysis.schema import METRICS, REJECTED, RUNS, WARNINGS

#: Times that in UTC are of the years 10000 and 0, which Python does not know.
LAST_DAY, FIRST_DAY = "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"


def parse(records, events=None):
    """Read a log of these lines: records or raw text."""
    lines = [line if isinstance(line, str) else json.dumps(line) for line in records]
    return read("a.jsonl", "".join(f"{line}\n" for line in lines).encode(), events)


def record(event, **fields):
    frame = {"run_id": "a", "time": "2026-11-23T12:00:00.5+00:00", "schema": 2}
    return {"event": event, **frame, **fields}


def evaluation(epoch, top1, split="test", n=20, step=None):
    return record("eval", epoch=epoch, step=step, split=split, top1=top1, n=n)


def test_a_whole_run_fills_both_tables(runlog_text):
    log = read("logs/a.jsonl", runlog_text(run_id="a", seed=3).encode())
    assert dict(log.runs.schema) == RUNS
    assert dict(log.metrics.schema) == METRICS
    assert dict(log.rejected.schema) == REJECTED
    assert dict(log.warnings.schema) == WARNINGS
    run = log.runs.row(0, named=True)
    assert json.loads(run.pop("config"))["epochs"] == 2
    assert json.loads(run.pop("decides"))["epochs"] == 2
    assert run == {
        "run_id": "a",
        "format": "jsonl",
        "source": "logs/a.jsonl",
        "variant": "with_layernorm",
        "layernorm": True,
        "relu": False,
        "seed": 3,
        "hard_ratio_step": -0.1,
        "status": "completed",
        "reason": "all epochs done",
        "predictions_sha256": None,
        "started": datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC),
        "seconds": 60.0,
        "rejected": 0,
    }
    top1 = log.metrics.filter(event="eval", metric="top1", split="validation")
    assert top1.select("epoch", "value", "n").rows() == [
        (0, 0.125, 16),
        (1, 0.25, 16),
        (2, 0.375, 16),
    ]
    order = log.metrics["event"].unique(maintain_order=True).to_list()
    assert order == ["untrained", "eval", "mine", "step", "pools"]  # as in the log
    pools = log.metrics.filter(event="pools", split="test")
    assert sorted(pools["metric"]) == sorted(
        f"{figure}_{pool}"
        for figure in ("top1", "head_top1")
        for pool in ("sdoc", "sdc", "sdoa", "sda", "stc", "sta", "epc", "epa")
    )
    assert set(pools["n"]) == {20}
    assert log.notes == ()


def test_every_measured_field_becomes_a_metric(runlog_text):
    metrics = read("a.jsonl", runlog_text().encode()).metrics
    names = {
        event: sorted(set(metrics.filter(event=event)["metric"]))
        for event in ("step", "mine", "eval", "untrained")
    }
    distances = [
        f"{side}_distance_{quartile}"
        for side in ("negative", "positive")
        for quartile in ("median", "q1", "q3")
    ]
    assert names == {
        "step": sorted(
            ["loss", "triplet_loss", "positive_loss", "negative_loss"]
            + ["lr", "grad_norm", "triplets_per_second"]
        ),
        "mine": sorted(["hard_ratio", "hard", "random", "passed_over", "seconds", *distances]),
        "eval": ["head_top1", "mrr_at_10", "nearest_top1", "recall_at_10", "seconds", "top1"],
        "untrained": ["head_top1", "mrr_at_10", "nearest_top1", "recall_at_10", "seconds", "top1"],
    }


def test_unseen_figures_have_a_sample_size_of_their_own():
    log = parse([evaluation(1, 0.5) | {"top1_unseen": 0.25, "n_unseen": 8}])
    assert log.metrics.select("metric", "value", "n").rows() == [
        ("top1", 0.5, 20),
        ("top1_unseen", 0.25, 8),
    ]


def test_an_evaluation_on_training_points_of_which_none_is_unseen_is_kept():
    line = evaluation(1, 0.5, "training") | {"top1_unseen": None, "n_unseen": 0}
    log = parse([line | {"nonfinite": ["top1_unseen"]}])
    assert log.rejected.is_empty()
    assert log.metrics.select("metric", "value", "n").rows() == [("top1", 0.5, 20)]


def test_a_number_that_is_not_finite_is_a_null_and_an_absent_one_no_row():
    log = parse([record("step", epoch=0, step=10, loss=None, lr=0.5, nonfinite=["loss"])])
    assert log.metrics.select("metric", "value").rows() == [("loss", None), ("lr", 0.5)]
    distances = {"positive_distance": [0.1, None, 0.3], "nonfinite": ["positive_distance"]}
    log = parse([record("mine", epoch=0, hard_ratio=0.5, **distances)])
    assert ("positive_distance_median", None) in log.metrics.select("metric", "value").rows()


def test_unknown_events_and_fields_pass():
    log = parse(
        [
            evaluation(1, 0.5) | {"colour": {"deep": [1, "x"]}},
            record("profile", epoch="one", step={"forward": 1}, top1="high"),
        ]
    )
    assert log.metrics["value"].to_list() == [0.5]
    assert log.rejected.is_empty()


@pytest.mark.parametrize("joint", ["\n", "\r\n", "\n\n  \n"])
def test_line_ends_blank_lines_and_a_byte_order_mark_change_nothing(runlog_text, joint):
    text = runlog_text()
    log = read("a.jsonl", ("\ufeff" + text.replace("\n", joint)).encode())
    assert log.metrics.equals(read("a.jsonl", text.encode()).metrics)
    assert log.runs.equals(read("a.jsonl", text.encode()).runs)


def test_a_torn_last_line_is_left_out_and_noted(runlog_text):
    text = runlog_text(status=None)
    log = read("a.jsonl", text[:-20].encode())
    assert log.notes == ("a.jsonl: torn last line, left out",)
    assert log.rejected.is_empty()
    assert log.runs["status"].to_list() == [None]
    assert log.metrics.equals(read("a.jsonl", text.encode()).metrics)  # a checkpoint has none


def test_a_last_line_without_newline_is_whole_where_its_object_is(runlog_text):
    text = runlog_text()
    log = read("a.jsonl", text.rstrip("\n").encode())
    assert log.runs.equals(read("a.jsonl", text.encode()).runs)
    assert log.notes == ()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"event": "eval", "run_id": "a", "epo', "not a whole JSON object"),
        ("Traceback (most recent call last):", "not a whole JSON object"),
        ('{"event": "step", "run_id": "a", "loss": NaN}', "not a whole JSON object"),
        ("[1, 2]", "not a whole JSON object"),
        (json.dumps(evaluation(1, 0.5)) * 2, "not a whole JSON object"),
        ('{"epoch": 1, "top1": 0.5}', "no event, run_id or schema"),
        (json.dumps(evaluation("three", 0.5)), "cannot parse"),
        (json.dumps(evaluation(1, "0.5")), "cannot parse"),
        (json.dumps(evaluation(1, True)), "cannot parse"),
        (json.dumps(evaluation(1.5, 0.5)), "cannot parse"),
        (json.dumps(evaluation(None, 0.5)), "no epoch"),
        (json.dumps(evaluation(1, 7.5)), "top1 is not between 0 and 1"),
        (json.dumps(evaluation(1, 0.5, n=0)), "n is not positive"),
        (
            json.dumps(evaluation(1, 0.5, split=True)),
            "split is not one of training, validation, test",
        ),
        (json.dumps(evaluation(1, 0.5, split="te\x1b[31mst\u202e")), "split is not one of"),
        (json.dumps(evaluation(-1, 0.5)), "epoch is negative"),
        (json.dumps(evaluation(1, 0.5, step=-1)), "step is negative"),
        (json.dumps(record("pools", epoch=1, split="test", pool="x")), "pool is not one of sdoc, "),
        (json.dumps(record("mine", epoch=1, hard_ratio=1.5)), "hard_ratio is not between 0 and 1"),
        (json.dumps(record("warning", epoch=-1)), "epoch: "),
        (json.dumps(record("run_end", status="failed", seconds=-1)), "seconds: "),
        (json.dumps(record("run_start", config={}) | {"time": LAST_DAY}), "time: "),
        (json.dumps(record("run_start", config={}) | {"time": FIRST_DAY}), "time: "),
        (json.dumps(record("run_end", status="fine")), "status: "),
        (json.dumps(record("run_start", config={"relu": "yes"})), "relu: "),
    ],
)
def test_a_broken_line_is_rejected_with_its_number_and_the_rest_is_read(runlog_lines, line, reason):
    lines = runlog_lines()
    log = parse([*lines[:5], line, *lines[5:]])
    assert log.rejected["source"].to_list() == ["a.jsonl"]
    assert log.rejected["line"].to_list() == [6]
    assert log.rejected["reason"][0].startswith(reason)
    assert log.metrics.equals(parse(lines).metrics)
    assert log.runs["rejected"].to_list() == [1] * log.runs.height


def test_many_broken_lines_are_each_found(runlog_lines):
    lines = runlog_lines(steps=range(1, 200))
    broken = range(0, len(lines), 7)
    log = parse(["{" if index in broken else line for index, line in enumerate(lines)])
    assert log.rejected["line"].to_list() == [index + 1 for index in broken]


def test_a_resumed_run_keeps_the_last_record_of_each_value():
    log = parse(
        [
            evaluation(1, 0.1),
            evaluation(2, 0.2),
            record("run_end", status="interrupted", reason="stopped", seconds=5.0),
            record("resume", epoch=1, step=10, checkpoint="a/1"),
            evaluation(2, 0.25),
            evaluation(3, 0.3),
        ]
    )
    assert log.metrics.select("epoch", "value").rows() == [(1, 0.1), (2, 0.25), (3, 0.3)]
    # It goes on after the interruption, and how it ended the log does not say.
    assert log.runs.select("status", "reason", "seconds").row(0) == (None, None, None)


def test_evaluations_of_one_epoch_are_told_apart_by_their_step_and_the_last_record_counts():
    log = parse(
        [evaluation(0, 0.1, step=0), evaluation(0, 0.2, step=5), evaluation(0, 0.3, step=5)]
    )
    assert log.metrics.select("epoch", "step", "value").rows() == [(0, 0, 0.1), (0, 5, 0.3)]


def test_the_untrained_encoder_is_an_event_of_its_own():
    line = evaluation(0, 0.1, step=0)
    log = parse([line | {"event": "untrained"}, line | {"top1": 0.2}])
    assert log.metrics.select("event", "step", "split", "value", "n").rows() == [
        ("untrained", 0, "test", 0.1, 20),
        ("eval", 0, "test", 0.2, 20),
    ]


def test_a_run_of_schema_1_is_read_under_a_format_of_its_own(runlog_text):
    text = runlog_text(run_id="a") + runlog_text(run_id="b", schema=1)
    log = read("all.jsonl", text.encode())
    assert log.runs.select("run_id", "format").rows() == [("a", "jsonl"), ("b", "jsonl schema 1")]
    assert log.rejected.is_empty()
    assert log.metrics.filter(run_id="b", event="eval")["step"].null_count() == 54
    resumed = parse([evaluation(0, 0.1) | {"schema": 1}, evaluation(1, 0.2, step=9)])
    assert resumed.runs["format"].to_list() == ["jsonl schema 1"]


def test_an_unknown_schema_is_named_with_its_file_and_none_of_its_lines_is_read(runlog_text):
    unknown = runlog_text(run_id="a", schema=99).replace('"top1"', '"accuracy"')
    log = read("all.jsonl", (unknown + runlog_text(run_id="b")).encode())
    assert log.runs["run_id"].to_list() == ["b"]
    assert set(log.metrics["run_id"]) == {"b"}
    assert log.rejected.is_empty()
    lines = unknown.count("\n")
    assert log.notes == (
        f"all.jsonl: {lines} lines of schema 99, left out: this version reads 1 and 2; a newer one "
        "may read them",
    )


def test_an_unknown_schema_may_have_renamed_all_that_is_known():
    log = parse([{"schema": 3, "kind": "eval"}, evaluation(1, 0.5)])
    assert log.runs["run_id"].to_list() == ["a"]
    assert log.rejected.is_empty()
    assert log.notes[0].startswith("a.jsonl: 1 line of schema 3")


def test_a_concatenated_file_yields_each_run(runlog_text):
    log = read("all.jsonl", (runlog_text(run_id="a") + runlog_text(run_id="b", seed=1)).encode())
    assert log.runs.select("run_id", "seed").rows() == [("a", 0), ("b", 1)]
    assert log.metrics["run_id"].n_unique() == 2


def test_warnings_are_kept_for_the_report():
    log = parse([record("warning", epoch=2, message="loss is NaN", action="step skipped")])
    assert log.warnings.rows() == [("a", 2, None, "loss is NaN", "step skipped")]


def test_switches_decide_the_variant_and_a_second_name_is_made_canonical(runlog_lines):
    start = runlog_lines()[0]
    switches = {name: start["config"].pop(name) for name in ("layernorm", "relu")}
    assert parse([start | {"variant": "without_layernorm"}]).runs["variant"].to_list() == [
        "with_relu"
    ]
    assert parse([start | {"variant": "new"}]).runs["variant"].to_list() == [None]
    both = start | {"variant": "new", "config": switches}
    assert parse([both]).runs["variant"].to_list() == ["with_layernorm"]


def test_a_log_without_its_head_has_a_run_of_unknown_variant(runlog_lines):
    log = parse(runlog_lines()[3:])
    assert log.runs.select("variant", "seed", "started", "config").row(0) == (None,) * 4
    assert log.metrics.height > 0


def test_events_can_be_chosen(runlog_lines):
    lines = [*runlog_lines(), "broken"]
    log = parse(lines, events=("eval", "pools"))
    assert set(log.metrics["event"]) == {"eval", "pools"}
    assert log.rejected.height == 1
