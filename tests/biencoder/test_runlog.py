import json
import math
from datetime import datetime, timedelta

import pytest

from biencoder.runlog import RunLog, new_run_id
from commandline import RunError


def lines(log):
    return [json.loads(line) for line in log.path.read_text("utf-8").splitlines()]


def test_every_line_says_event_run_time_and_schema(tmp_path):
    with RunLog(tmp_path, "r1") as log:
        log.write("eval", epoch=0, split="test", top1=0.5)
    (line,) = lines(log)
    assert (line["event"], line["run_id"], line["schema"], line["top1"]) == ("eval", "r1", 1, 0.5)
    assert datetime.fromisoformat(line["time"]).utcoffset() == timedelta(0)


def test_a_line_can_be_read_the_moment_it_is_written(tmp_path):
    with RunLog(tmp_path, "r1") as log:
        log.write("run_start")
        assert len(lines(log)) == 1


def test_a_number_that_is_not_finite_becomes_null_and_the_line_says_so(tmp_path):
    with RunLog(tmp_path, "r1") as log:
        log.write("step", loss=math.nan, lr=0.1, distances=[1.0, math.inf], top1={"test": math.nan})
    (line,) = lines(log)
    assert (line["loss"], line["lr"], line["distances"]) == (None, 0.1, [1.0, None])
    assert line["nonfinite"] == ["loss", "distances", "top1.test"]


def test_an_existing_log_is_never_overwritten(tmp_path):
    (tmp_path / "r1.jsonl").write_text("precious")
    with pytest.raises(RunError, match="r1.jsonl exists already"):
        RunLog(tmp_path, "r1")
    assert (tmp_path / "r1.jsonl").read_text() == "precious"


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="--log_dir=.*file/logs: cannot be written"):
        RunLog(tmp_path / "file" / "logs", "r1")


def test_a_run_id_tells_time_variant_and_seed():
    run_id = new_run_id("with_relu", 3)
    assert run_id.endswith("_with_relu_s3")
    datetime.strptime(run_id.split("_")[0], "%Y%m%dT%H%M%SZ")
