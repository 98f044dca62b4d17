"""`analysis.readers.predictions`: what runs answered, read beside their logs, whole or damaged."""

import hashlib
import io
import json
import os

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from analysis.readers import logs, predictions
from analysis.schema import PREDICTIONS

HIT, MISS = "law/tax/pro/01", "law/tax/con/02"
ANSWERS = {HIT: None, MISS: "law/tax/con/01/point"}


@pytest.fixture
def read(tmp_path, runlog_text):
    """`read(table, …)`: the Log of a folder with runs a, b, … and such predictions beside them."""

    def build(*tables, **options):
        for name, table in zip("abcd", tables, strict=False):
            text = runlog_text(run_id=name, **{"status": "interrupted", **options})
            (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8")
            path = tmp_path / f"{name}.predictions.parquet"
            if isinstance(table, bytes):
                path.write_bytes(table)
            elif table is not None:
                table.write_parquet(path)
        return logs.read([tmp_path])

    return build


#: What is said of a file where its log holds no final evaluation.
UNCHECKED = "used, though its log has no final evaluation to check it by"


def passed_over(log, reason):
    """Whether the predictions of run a are left out, by a note that names file and reason."""
    (note,) = log.notes
    return log.predictions.is_empty() and "a.predictions.parquet" in note and reason in note


def test_each_point_becomes_a_row_of_the_documented_table(read, predicted):
    log = read(predicted(ANSWERS, words={HIT: 7}, leaked=[MISS]))
    assert dict(log.predictions.schema) == PREDICTIONS
    assert log.predictions.rows() == [
        ("a", "test", None, HIT, None, False, 7, 1, 1, True, None, f"{HIT}/counter"),
        ("a", "test", None, MISS, None, True, 10, 1, 2, False, None, "law/tax/con/01/point"),
    ]


def test_epoch_and_cluster_are_read_where_the_file_has_them(read, predicted):
    table = predicted(ANSWERS).with_columns(epoch=pl.lit(3), cluster=pl.Series([5, 6]))
    assert read(table).predictions.select("epoch", "cluster").rows() == [(3, 5), (3, 6)]


def test_answers_by_the_pair_head_alone_are_read_where_the_file_has_them(read, predicted):
    log = read(predicted(ANSWERS).with_columns(head_rank=pl.Series([2, 1])))
    assert log.predictions["head_hit"].to_list() == [False, True]


def test_a_run_of_schema_1_has_predictions_too(read, predicted):
    assert read(predicted(ANSWERS), schema=1).predictions.height == 2


def test_completed_runs_without_predictions_are_named_and_others_have_none(read, predicted):
    log = read(None, predicted(ANSWERS), None)
    assert set(log.predictions["run_id"]) == {"b"}
    assert "no predictions" not in "".join(log.notes)
    assert dict(read(None).predictions.schema) == PREDICTIONS


def test_completed_runs_without_predictions_take_one_line(tmp_path, runlog_text):
    for number in range(9):
        text = runlog_text(run_id=f"r{number}", seed=number)
        (tmp_path / f"r{number}.jsonl").write_text(text, encoding="utf-8")
    assert logs.read([tmp_path]).notes == (
        "no predictions beside the logs of r0, r1, r2 and 6 more: these runs are left out of "
        "the effects on validation and test",
    )


def test_predictions_that_the_log_has_no_figures_of_are_used_and_named(read, predicted, tmp_path):
    log = read(predicted(ANSWERS))
    assert log.predictions.height == 2
    assert log.notes == (f"{tmp_path / 'a.predictions.parquet'}: {UNCHECKED}",)


def test_an_own_counter_beyond_the_ten_nearest_is_a_miss(read, predicted):
    table = predicted(ANSWERS).with_columns(
        rescored_rank=pl.when(pl.col("pair_id") == HIT).then(1),
        candidates=pl.when(pl.col("pair_id") == HIT)
        .then("candidates")
        .otherwise(pl.lit(["law/tax/con/03/counter", "law/tax/con/01/point"])),
    )
    log = read(table)
    assert log.predictions.select("rescored_rank", "hit").rows() == [(1, True), (None, False)]


@pytest.mark.parametrize(
    ("scores", "answer"),
    [
        ([1.0, 1.0], f"{HIT}/counter"),  # the nearer of equals
        ([float("nan"), -5.0], "d/other/pro/01/counter"),  # not a number is below all
        ([float("nan"), float("nan")], f"{HIT}/counter"),
    ],
)
def test_the_answer_is_the_candidate_that_train_ranks_first(read, predicted, scores, answer):
    rank = 1 if answer.startswith(HIT) else 2
    table = predicted({HIT: None}).with_columns(
        scores=pl.lit(scores), rescored_rank=pl.lit(rank, pl.Int64)
    )
    assert read(table).predictions["answer"].to_list() == [answer]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"pair_id": pl.lit("law/tax")}, "not domain/title/stance/number"),
        ({"pair_id": pl.lit(HIT)}, "a pair occurs twice"),
        ({"leaked": pl.lit(None, pl.Boolean)}, "a value is missing"),
        ({"scores": pl.lit([1.0])}, "candidates and scores differ in number"),
        ({"candidates": pl.lit(["x", "y"])}, "not a counter or point of a pair"),
        ({"candidates": pl.lit([], pl.List(pl.String))}, "a value is missing"),
        (
            {"rescored_rank": pl.lit(1), "scores": pl.lit([0.0, 1.0])},
            "rescored_rank and scores disagree",
        ),
        ({"nearest_rank": pl.lit(-1)}, "out of range"),
        ({"nearest_rank": pl.lit(0)}, "out of range"),
        ({"rescored_rank": pl.lit(3)}, "out of range"),  # of two candidates
        ({"rescored_rank": pl.lit(0)}, "out of range"),
        ({"head_rank": pl.lit(3)}, "out of range"),
        ({"head_rank": pl.lit(0)}, "out of range"),
        ({"head_rank": pl.lit(None, pl.Int64)}, "one of rescored_rank and head_rank is missing"),
        ({"point_words": pl.lit(-1)}, "out of range"),
        ({"epoch": pl.lit(-1)}, "out of range"),
        ({"split": pl.lit("te\x1b[31mst")}, "a split is not training"),
        ({"point_words": pl.lit("many")}, "conversion"),
    ],
)
def test_a_file_that_train_would_not_write_is_named_and_left_out(read, predicted, change, reason):
    assert passed_over(read(predicted(ANSWERS).with_columns(**change)), reason)


def test_a_file_that_lacks_a_column_is_named_and_left_out(read, predicted):
    assert passed_over(read(predicted(ANSWERS).drop("scores")), "scores")


def test_damaged_files_are_named_and_left_out_and_the_log_is_read(
    read, predicted, tmp_path, runlog_text
):
    predicted(ANSWERS).write_parquet(whole := tmp_path / "whole")
    data = whole.read_bytes()
    whole.unlink()
    for damaged in (b"", b"PAR1", data[:-20], data[: len(data) // 2], b"\0" * 100):
        log = read(damaged)
        assert passed_over(log, "")
        assert log.metrics.height


def test_predictions_of_another_state_of_the_run_are_left_out(read, predicted):
    # The log of a completed run counts 4 hits of 16 points in its pool epa, of either split.
    answers = {f"law/tax/pro/{i}": None if i < 4 else "law/tax/con/1/point" for i in range(16)}
    same = {"status": "completed", "n": {"training": 40, "validation": 16, "test": 16}}
    validation = predicted(answers, split="validation")

    def file(test):
        return pl.concat([validation, predicted(test)])

    log = read(file(answers), **same)
    assert log.predictions["hit"].sum() == 8
    assert log.notes == ()
    more = answers | {"law/tax/pro/9": None}
    for other in (file(answers | {HIT: None}), file(more), validation):
        assert passed_over(read(other, **same), "differ from those in the log")


def test_answers_by_the_pair_head_alone_are_those_that_the_log_counts(read, predicted):
    # The log of a completed run counts 5 of 20 points, and 4 by the pair head alone.
    answers = {f"law/tax/pro/{i}": None if i < 5 else "law/tax/con/1/point" for i in range(20)}
    same = {"status": "completed", "n": {"training": 40, "validation": 20, "test": 20}}
    splits = pl.concat([predicted(answers, split=split) for split in ("validation", "test")])

    def by_head(hits):
        return splits.with_columns(
            head_rank=pl.Series([1] * hits + [2] * (20 - hits)).append(
                pl.Series([1] * 4 + [2] * 16)
            )
        )

    assert read(by_head(4), **same).notes == ()
    assert passed_over(read(by_head(5), **same), "differ from those in the log")


def test_what_would_take_all_memory_is_named_and_left_out(read, predicted, monkeypatch):
    monkeypatch.setattr(predictions, "MOST_BYTES", 10**7)
    many = pl.repeat(0.0, 10**6, eager=True).implode()
    predicted({HIT: None}).with_columns(scores=many).write_parquet(data := io.BytesIO())
    assert len(data.getvalue()) < 20_000
    assert passed_over(read(data.getvalue()), "it would take more than 0.0 GB of memory")


def test_a_pipe_or_device_in_the_place_of_predictions_is_named(tmp_path, runlog_text):
    for name, make in (("a", os.mkfifo), ("b", lambda path: path.symlink_to("/dev/zero"))):
        text = runlog_text(run_id=name, seed=ord(name))
        (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8")
        make(tmp_path / f"{name}.predictions.parquet")
    log = logs.read([tmp_path])
    assert [note.rpartition(": ")[2] for note in log.notes] == [
        "not a regular file, passed over"
    ] * 2


def test_one_flipped_bit_anywhere_is_noticed_by_the_checksum_of_the_log(
    tmp_path, runlog_text, predicted
):
    path = tmp_path / "a.predictions.parquet"
    predicted(ANSWERS).write_parquet(path)
    data = path.read_bytes()
    lines = runlog_text(run_id="a", status="interrupted").splitlines()
    end = json.loads(lines[-1]) | {"predictions_sha256": hashlib.sha256(data).hexdigest()}
    (tmp_path / "a.jsonl").write_text("\n".join([*lines[:-1], json.dumps(end)]) + "\n", "utf-8")
    assert logs.read([tmp_path]).predictions.height == 2
    for place in range(0, len(data), 40):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        log = logs.read([tmp_path])
        assert log.predictions.is_empty()
        assert any("a.predictions.parquet" in note for note in log.notes)


def test_runs_that_are_told_apart_by_folder_keep_their_own_predictions(
    tmp_path, runlog_text, predicted
):
    for folder, answer in (("x", None), ("y", "law/tax/con/01/point")):
        (tmp_path / folder).mkdir()
        text = runlog_text(run_id="a", status="failed", seed=ord(folder))
        (tmp_path / folder / "a.jsonl").write_text(text, encoding="utf-8")
        predicted({HIT: answer}).write_parquet(tmp_path / folder / "a.predictions.parquet")
    log = logs.read([tmp_path])
    assert log.predictions.select("run_id", "hit").rows() == [("x/a", True), ("y/a", False)]


def test_a_log_of_several_runs_has_no_predictions(tmp_path, runlog_text, predicted):
    both = runlog_text(run_id="a") + runlog_text(run_id="b")
    (tmp_path / "a.jsonl").write_text(both, encoding="utf-8")
    predicted(ANSWERS).write_parquet(tmp_path / "a.predictions.parquet")
    assert passed_over(logs.read([tmp_path]), "several")


def test_naming_every_file_of_a_folder_reads_as_the_folder(tmp_path, read, predicted):
    folder = read(predicted(ANSWERS))
    named = logs.read(sorted(tmp_path.iterdir()))
    assert_frame_equal(named.predictions, folder.predictions)
    assert named.notes == folder.notes


def test_brackets_in_a_path_are_no_pattern(tmp_path, runlog_text, predicted):
    path = tmp_path / "[a].jsonl"
    path.write_text(runlog_text(run_id="a", status=None), encoding="utf-8")
    predicted(ANSWERS).write_parquet(tmp_path / "x")  # polars would expand the brackets here too
    (tmp_path / "x").rename(tmp_path / "[a].predictions.parquet")
    assert logs.read([path]).predictions.height == 2
