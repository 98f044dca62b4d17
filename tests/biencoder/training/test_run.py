import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import torch
from jobs import OF_THE_MOMENT, interrupted_run, read_log, train, untrained_of, warnings_of
from safetensors.torch import load_file, save_file

from biencoder.config import Config
from biencoder.data import corpus, tokens
from biencoder.data.tokens import Tokens
from biencoder.errors import RunError
from biencoder.model.biencoder import BiEncoder
from biencoder.runtime import environment
from biencoder.runtime.signals import Interrupted
from biencoder.storage import checkpoint
from biencoder.storage.progress import Best
from biencoder.storage.run_log import RunLog
from biencoder.training import trainer
from biencoder.training.trainer import Trainer

ROOT = Path(__file__).parents[3]
SAMPLE = Path(corpus.__file__).parent / "sample_corpus"


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


def test_no_epoch_at_all_evaluates_the_untrained_model(settings):
    config = Config(**settings | {"epochs": 0})
    assert train(config) == 0
    events = [line["event"] for line in read_log(config)]
    evaluated = [*["untrained"] * 3, "margin", *["eval"] * 3]
    assert events == ["run_start", *evaluated, "checkpoint", *["pools"] * 24, "run_end"]


def test_a_run_that_is_completed_is_not_run_again(settings, capsys):
    config = Config(**settings | {"epochs": 0, "resume": "auto"})
    assert train(config) == 0
    log = read_log(config)
    assert train(config) == 0
    assert read_log(config) == log
    assert "is completed already" in capsys.readouterr().out


def test_a_run_of_another_identity_is_not_gone_on_with(settings):
    train(Config(**settings | {"epochs": 0}))
    with pytest.raises(RunError, match="exists already"):
        train(Config(**settings | {"epochs": 0, "seed": 5, "resume": "auto"}))


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(settings, monkeypatch):
    config = Config(**settings | {"epochs": 2, "resume": "auto"})
    steps = []

    def interrupt_at(step, *args):
        steps.append(step)
        if len(steps) > 5:
            raise Interrupted(signal.SIGTERM)

    monkeypatch.setattr(trainer, "_dropout_seed", lambda *args: interrupt_at(*args) or 1)
    assert train(config) == 143
    monkeypatch.undo()
    run_dir = config.checkpoint_dir / "run"
    last = run_dir / checkpoint.read_index(run_dir)["last"]
    (last / "model.safetensors").write_bytes(b"damaged")
    assert train(config) == 0
    (warning,) = warnings_of(config)
    assert warning["message"] == f"checkpoint {last.name} is damaged"
    resumed = next(line for line in read_log(config) if line["event"] == "resume")
    assert resumed["checkpoint"] != last.name
    assert read_log(config)[-1]["status"] == "completed"


def test_a_corpus_that_has_changed_is_not_gone_on_with(settings, monkeypatch, tmp_path):
    root = tmp_path / "corpus"
    shutil.copytree(SAMPLE, root)
    config = Config(**settings | {"data_dir": root})
    interrupted_run(config, monkeypatch)
    point = next(root.glob("training/*/*/*/*a-point.txt"))
    text = point.read_text("utf-8")
    point.write_text("something else", "utf-8")
    with pytest.raises(RunError, match="was started with another corpus;"):
        train(config)
    point.write_text(text, "utf-8")
    assert train(config) == 0


def test_a_new_run_takes_over_no_checkpoint_of_another(settings, tmp_path):
    train(Config(**settings | {"epochs": 0}))
    with pytest.raises(RunError, match="run: holds checkpoints of another run; choose another"):
        train(Config(**settings | {"epochs": 0, "seed": 1, "log_dir": tmp_path / "other"}))


def test_what_the_file_system_does_not_offer_is_warned_of_and_a_failing_clean_up_too(
    settings, monkeypatch
):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    def no_folders(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")

    save = checkpoint.save
    monkeypatch.setattr("fcntl.flock", no_locks)
    monkeypatch.setattr("os.fsync", no_folders)
    monkeypatch.setattr(checkpoint, "save", lambda *args, **best: save(*args, **best) or ["old"])
    config = Config(**settings | {"epochs": 0})
    assert train(config) == 0
    assert [warning["message"] for warning in warnings_of(config)] == [
        f"the file system of {config.log_dir} offers no locks (flock)",
        f"the file system of {config.log_dir} cannot synchronise folders to disk (fsync)",
        f"the file system of {config.checkpoint_dir} cannot synchronise folders to disk (fsync)",
        "checkpoint old cannot be removed",
    ]


def test_the_log_is_on_the_disk_before_a_checkpoint_and_written_again_where_it_was_removed(
    settings, monkeypatch
):
    config = Config(**settings)
    done = []
    synchronise, save = RunLog.synchronise, checkpoint.save

    def synchronised(log):
        if len(done) == 2:
            log.path.unlink()
        done.append("log")
        return synchronise(log)

    monkeypatch.setattr(RunLog, "synchronise", synchronised)
    monkeypatch.setattr(
        checkpoint, "save", lambda *args, **best: done.append("checkpoint") or save(*args, **best)
    )
    assert train(config) == 0
    assert done == ["log", "checkpoint"] * 2
    (warning,) = warnings_of(config)
    assert warning["message"] == f"{config.log_dir / 'run.jsonl'} was removed"
    assert [read_log(config)[place]["event"] for place in (0, -1)] == ["run_start", "run_end"]


def test_a_run_whose_best_checkpoint_is_damaged_begins_anew(settings, monkeypatch):
    config = Config(**settings)
    interrupted_run(config, monkeypatch)
    run_dir = config.checkpoint_dir / "run"
    best = checkpoint.read_index(run_dir)["best"]
    (run_dir / best / "model.safetensors").write_bytes(b"damaged")
    assert train(config) == 0
    (resumed,) = [line for line in read_log(config) if line["event"] == "resume"]
    assert (resumed["step"], resumed["checkpoint"]) == (0, None)
    checkpoint.verify(run_dir / checkpoint.read_index(run_dir)["best"])


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
    folder, damaged = checkpoint.newest(disk / "run")
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


def test_an_interrupted_run_goes_on_by_whatever_path_it_is_given_its_corpus(
    settings, monkeypatch, tmp_path
):
    shutil.copytree(SAMPLE, tmp_path / "corpus")
    config = Config(**settings | {"data_dir": tmp_path / "corpus", "run_id": None})
    interrupted_run(config, monkeypatch)
    monkeypatch.chdir(tmp_path)
    assert train(Config(**settings | {"data_dir": Path("corpus"), "run_id": None})) == 0
    (log,) = config.log_dir.glob("*.jsonl")
    assert '"event": "resume"' in log.read_text("utf-8")


@pytest.mark.parametrize("part", ["config", "tokenizer"])
def test_a_run_is_not_gone_on_with_by_another_encoder_or_tokenizer(
    settings, tiny_encoder, monkeypatch, tmp_path, part
):
    folder = tmp_path / "encoder"
    shutil.copytree(tiny_encoder, folder)
    config = Config(**settings | {"encoder": str(folder)})
    interrupted_run(config, monkeypatch)
    if part == "tokenizer":
        path = folder / "tokenizer.json"
        path.write_text(path.read_text("utf-8").replace('"Lowercase"', '"NFC"'), "utf-8")
    else:
        weights = load_file(folder / "model.safetensors")
        first = min(weights)
        save_file(weights | {first: weights[first] + 1}, folder / "model.safetensors")
    with pytest.raises(RunError, match="another encoder or tokenizer"):
        train(config)


def test_a_resume_elsewhere_is_warned_of_and_logged(settings, monkeypatch):
    config = Config(**settings)
    interrupted_run(config, monkeypatch)
    provenance = environment.provenance

    def elsewhere(*args):
        return provenance(*args) | {"threads": 99, "git_commit": "f" * 40}

    monkeypatch.setattr(environment, "provenance", elsewhere)
    assert train(config) == 0
    (start,) = [line for line in read_log(config) if line["event"] == "run_start"]
    (resumed,) = [line for line in read_log(config) if line["event"] == "resume"]
    names = {"device", "threads", "processes", "precision", "versions", "git_commit"}
    assert names < start.keys() & resumed.keys()
    assert resumed["threads"] == 99
    said = [w["message"] for w in warnings_of(config) if "than at the start" in w["message"]]
    assert [message.split()[0] for message in said] == ["threads", "git_commit"]


def test_a_run_goes_on_in_the_precision_that_auto_chose_at_its_start(settings, monkeypatch):
    config = Config(**settings)
    interrupted_run(config, monkeypatch)
    monkeypatch.setattr(environment, "precision", lambda *_: "bfloat16")
    assert train(config) == 0
    resumed = next(line for line in read_log(config) if line["event"] == "resume")
    assert resumed["precision"] == "float32"


def test_a_second_stage_starts_from_the_first_ones_best_weights(settings):
    first = Config(**settings | {"variant": "without_layernorm_relu"})
    train(first)
    second = Config(
        **settings | {"run_id": "second", "init_from": "run", "epochs": 0, "relu": "True"},
        layernorm=False,
    )
    train(second)
    best = read_log(first)[-1]
    start = [line for line in read_log(second) if line["event"] == "eval"]
    # ReLU has no weights, and recall looks at the embeddings alone: they are the first stage's.
    recall = {
        line["split"]: line["recall_at_10"]
        for line in read_log(first)
        if line["event"] == "eval" and line["epoch"] == best["best_epoch"]
    }
    assert {line["split"]: line["recall_at_10"] for line in start} == recall
    assert not [line for line in read_log(second) if line["event"] == "warning"]


def test_a_head_that_does_not_fit_the_first_stage_starts_fresh_and_the_log_says_so(settings):
    train(Config(**settings | {"epochs": 0}))
    second = settings | {"run_id": "second", "init_from": "run", "epochs": 0, "fusion": "only_cls"}
    config = Config(**second)
    train(config)
    (warning,) = [line for line in read_log(config) if line["event"] == "warning"]
    assert warning["message"].endswith("holds no fitting weights for: head")


def test_pools_and_predictions_are_those_of_the_last_epoch_and_the_export_the_best_ones(
    settings, monkeypatch
):
    monkeypatch.setattr(Best, "update", lambda self, epoch, top1: _keep_first(self, epoch, top1))
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
    best = load_file(checkpoint.find("run", config.checkpoint_dir) / checkpoint.MODEL)
    exported = load_file(
        config.checkpoint_dir / "run" / "sentence-transformers" / "model.safetensors"
    )
    name = "embeddings.word_embeddings.weight"
    assert torch.equal(exported[name], best[f"encoder.{name}"])


def _keep_first(best, epoch, top1):
    if best.epoch is not None:
        return False
    best.epoch, best.top1 = epoch, top1
    return True


def test_a_first_stage_that_is_not_there_leaves_no_log(settings):
    config = Config(**settings | {"init_from": "nothing"})
    with pytest.raises(RunError, match="nothing: no checkpoint there"):
        train(config)
    assert not config.log_dir.exists()


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
