import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import torch
from jobs import OF_THE_MOMENT, read_log, train, untrained_of, warnings_of
from safetensors.torch import load_file

from biencoder.config import Config
from biencoder.data import corpus, layouts, tokens
from biencoder.data.tokens import Tokens
from biencoder.errors import RunError
from biencoder.model.biencoder import BiEncoder
from biencoder.runtime.signals import Interrupted
from biencoder.storage import checkpoint, corpus_files, run_checkpoints
from biencoder.storage.progress import Best
from biencoder.storage.run_log import RunLog
from biencoder.training.trainer import Trainer

ROOT = Path(__file__).parents[3]


def test_two_runs_of_one_seed_write_equal_logs_but_for_times(settings, tmp_path):
    logs = []
    for name in ("first", "second"):
        config = Config(
            **settings | {"log_dir": tmp_path / name, "checkpoint_dir": tmp_path / name}
        )
        train(config)
        logs.append(
            [
                {key: value for key, value in line.items() if key not in OF_THE_MOMENT}
                for line in read_log(config)
            ]
        )
        logs[-1][0].pop("config")
    assert logs[0] == logs[1]
    weights = [
        next((tmp_path / name / "run").glob("epoch-0001-*/model.safetensors")).read_bytes()
        for name in ("first", "second")
    ]
    assert weights[0] == weights[1]


def test_another_seed_trains_another_model(settings):
    losses = set()
    for seed in (0, 1):
        config = Config(**settings | {"seed": seed, "run_id": f"seed{seed}", "log_every": 1})
        train(config)
        losses.add(next(line["loss"] for line in read_log(config) if line["event"] == "step"))
    assert len(losses) == 2


def test_a_table_trains_to_the_log_of_the_folder_tree_that_it_was_made_of(settings, tmp_path):
    corpus_files.write(corpus.load(None, "keep"), tmp_path / "pairs.csv", "csv")
    logs = []
    for name, data_dir in (("tree", layouts.SAMPLE), ("table", tmp_path / "pairs.csv")):
        places = {"log_dir": tmp_path / name, "checkpoint_dir": tmp_path / name}
        config = Config(**settings | places | {"data_dir": data_dir})
        train(config)
        logs.append(read_log(config))
        for line in logs[-1]:
            for field in (*OF_THE_MOMENT, "config", "notes"):
                line.pop(field, None)
    assert logs[0] == logs[1]


def test_a_table_without_debates_trains_and_logs_how_it_was_read(settings, tmp_path):
    pairs = corpus.load(None).training.pairs[:60]
    texts = {"argument": [*pairs["point"][::3].repeat(3)], "counter": [*pairs["counter"]]}
    pl.DataFrame(texts | {"notes": "x"}).write_csv(tmp_path / "own.csv")
    config = Config(**settings | {"data_dir": tmp_path / "own.csv", "in_batch_weight": 1.0})
    train(config)
    log = read_log(config)
    assert log[0]["corpus"]["training"]["points"] == 16
    assert log[0]["notes"][1:] == [
        "columns that are not used: 'notes'",
        "no split is given: made by groups of equal texts (20 groups), 48 / 6 / 6 pairs of "
        "training / validation / test",
    ]
    assert {line["pool"] for line in log if line["event"] == "pools"} == {"epc", "epa"}


def test_a_table_of_test_alone_is_not_trained_on(settings, tmp_path):
    (tmp_path / "test.csv").write_text("argument,counter\np,c\n", "utf-8")
    with pytest.raises(RunError, match=r"no train.csv; .*training takes all three splits"):
        train(Config(**settings | {"data_dir": tmp_path}))


def test_no_epoch_at_all_evaluates_the_untrained_model(settings):
    config = Config(**settings | {"epochs": 0})
    assert train(config) == 0
    events = [line["event"] for line in read_log(config)]
    evaluated = [*["untrained"] * 3, "margin", *["eval"] * 3]
    assert events == ["run_start", *evaluated, "checkpoint", *["pools"] * 24, "run_end"]


def test_the_log_is_on_the_disk_before_a_checkpoint_and_written_again_where_it_was_removed(
    settings, monkeypatch
):
    config = Config(**settings)
    done = []
    synchronise, save = RunLog.synchronise, run_checkpoints.save

    def synchronised(log):
        if len(done) == 2:
            log.path.unlink()
        done.append("log")
        return synchronise(log)

    monkeypatch.setattr(RunLog, "synchronise", synchronised)
    monkeypatch.setattr(
        run_checkpoints,
        "save",
        lambda *args, **best: done.append("checkpoint") or save(*args, **best),
    )
    assert train(config) == 0
    assert done == ["log", "checkpoint"] * 3  # of the start, the last step and its evaluation
    (warning,) = warnings_of(config)
    assert warning["message"] == f"{config.log_dir / 'run.jsonl'} was removed"
    assert [read_log(config)[place]["event"] for place in (0, -1)] == ["run_start", "run_end"]


def test_a_run_goes_on_where_nobody_reads_what_it_prints(settings):
    flags = [f"--{name}={value}" for name, value in settings.items()]
    command = [sys.executable, str(ROOT / "train.py"), *flags]
    for place in ("/dev/full", "a pipe that is closed"):
        with Path(place).open("w") if place == "/dev/full" else _closed_pipe() as stdout:
            answer = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True)
        assert (answer.returncode, answer.stderr) == (0, "")
        shutil.rmtree(settings["checkpoint_dir"])
        shutil.rmtree(settings["log_dir"])


def _closed_pipe():
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w")


@pytest.fixture
def small_disk(tmp_path):
    """A function that mounts a file system of so many bytes; skips where that is not allowed."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(size):
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("mounting a small file system is not allowed here")
        return place

    yield mount
    subprocess.run(["umount", str(place)], capture_output=True)


def test_a_disk_that_fills_up_is_one_line_and_the_last_good_checkpoint_stays(settings, small_disk):
    disk = small_disk(3_500_000)  # room for two checkpoints of the tiny model, not for more
    config = Config(**settings | {"checkpoint_dir": disk, "checkpoint_every": "2steps"})
    with pytest.raises(RunError, match="cannot be written .*free some space") as error:
        train(config)
    assert "\n" not in str(error.value)
    end = read_log(config)[-1]
    assert (end["event"], end["status"]) == ("run_end", "failed")
    folder, damaged = run_checkpoints.newest(disk / "run")
    assert folder is not None
    assert damaged == []
    assert not list((disk / "run").glob(".*.tmp"))


def test_a_folder_without_room_is_found_out_before_any_work(settings, small_disk):
    config = Config(**settings | {"log_dir": small_disk(100_000)})
    with pytest.raises(RunError, match="disk: cannot be written .No space left"):
        train(config)


STRANGE_TEXTS = [
    "x",
    "word " * 20_000,
    "tab\tbell\x07null\x00escape\x1b[31m",
    "Ελληνικά и русский 中文 日本語 हिन्दी",
    "עברית וערבית العربية \u202eright to left",
    "👩‍👩‍👧‍👦 🏳️‍🌈 💥",
    "e\u0301 \u00e9 \ufeff zero\u200bwidth",
    "—" * 300,
]


def test_strange_texts_are_trained_on_like_others(settings, write_corpus, monkeypatch):
    monkeypatch.setattr(tokens, "MOST_UNKNOWN", 1)  # the tiny tokenizer knows none of them
    root = write_corpus(
        {
            f"{split}/any/thing/pro/pro{number:02}{role}.txt": f"{text}{split}{role}"
            for split in ("training", "validation", "test")
            for number, text in enumerate(STRANGE_TEXTS)
            for role in ("a-point", "b-counter")
        }
    )
    config = Config(**settings | {"data_dir": root})
    assert train(config) == 0
    assert {line["n"] for line in read_log(config) if line["event"] == "eval"} == {8}


def test_one_validation_pair_is_enough_to_run(settings, write_corpus, monkeypatch):
    """k is larger than the pool, and there is one domain."""
    monkeypatch.setattr(tokens, "MOST_UNKNOWN", 1)
    pairs = {"training": 2, "validation": 1, "test": 1}
    root = write_corpus(
        {
            f"{split}/any/thing/pro/pro{number:02}{role}.txt": f"{split} {number} {role}"
            for split, count in pairs.items()
            for number in range(count)
            for role in ("a-point", "b-counter")
        }
    )
    config = Config(**settings | {"data_dir": root})
    assert train(config) == 0
    validation = [line for line in read_log(config) if line.get("split") == "validation"]
    assert validation[0]["top1"] == 1.0  # the own counter is the only candidate


def test_an_interrupted_run_says_so_and_still_reports_its_best_epoch(settings, monkeypatch):
    def interrupt(*_):
        raise Interrupted(signal.SIGTERM)

    monkeypatch.setattr(Trainer, "mine", interrupt)
    config = Config(**settings)
    assert train(config) == 143
    end = read_log(config)[-1]
    assert (end["status"], end["best_epoch"]) == ("interrupted", 0)


def test_the_last_line_compares_the_best_epoch_with_the_untrained_encoder(settings, capsys):
    config = Config(**settings)
    train(config)
    *_, last = capsys.readouterr().out.splitlines()
    best = read_log(config)[-1]
    share, floor = best["top1"]["validation"], untrained_of(config)[1]["top1"]
    assert last.startswith(f"best epoch {best['best_epoch']}: ")
    assert f"validation {100 * share:.1f} % (untrained encoder {100 * floor:.1f} %)" in last


def test_pools_and_predictions_are_those_of_the_last_epoch_and_the_export_the_best_ones(
    settings, monkeypatch
):
    monkeypatch.setattr(Best, "update", _keep_first)
    config = Config(**settings | {"epochs": 1})
    train(config)
    lines = read_log(config)
    at_the_end = {
        line["split"]: line["hits"]
        for line in lines
        if line["event"] == "eval" and line["epoch"] == 1
    }
    widest = {
        line["split"]: line["hits"]
        for line in lines
        if line["event"] == "pools" and line["pool"] == "epa"
    }
    assert widest == at_the_end
    assert {line["epoch"] for line in lines if line["event"] == "pools"} == {1}
    answers = pl.read_parquet(config.log_dir / "run.predictions.parquet")
    assert set(answers["epoch"]) == {1}
    hits = answers.filter(pl.col("rescored_rank") == 1).group_by("split").len().rows()
    assert dict(hits) == {split: count for split, count in at_the_end.items() if count}
    best = load_file(run_checkpoints.find("run", config.checkpoint_dir) / checkpoint.MODEL)
    exported = load_file(
        config.checkpoint_dir / "run" / "sentence-transformers" / "model.safetensors"
    )
    name = "embeddings.word_embeddings.weight"
    assert torch.equal(exported[name], best[f"encoder.{name}"])


def _keep_first(best, epoch, figures):
    if best.epoch is not None:
        return False
    best.epoch, best.top1 = epoch, {split: of_split["top1"] for split, of_split in figures.items()}
    return True


def test_a_device_too_small_for_the_model_is_one_line_and_leaves_no_log(settings, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(BiEncoder, "to", full)
    config = Config(**settings)
    with pytest.raises(RunError, match="^out of memory: take --gradient_cache=on"):
        train(config)
    assert not list(config.log_dir.glob("*.jsonl"))


def test_a_tokenizer_without_the_words_of_the_corpus_is_refused_before_any_file(
    settings, monkeypatch
):
    monkeypatch.setattr(Tokens, "unknown", lambda _: 0.06)
    config = Config(**settings)
    with pytest.raises(RunError, match=r"does not know 6% of the tokens of training \(\[UNK\]\)"):
        train(config)
    assert not config.log_dir.exists()
