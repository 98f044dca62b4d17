import errno
import os
import shutil
import signal
import stat
from pathlib import Path

import pytest
from jobs import interrupted_run, read_log, train, warnings_of
from safetensors.torch import load_file, save_file

from biencoder.config import Config
from biencoder.data import corpus
from biencoder.errors import RunError
from biencoder.runtime import environment
from biencoder.runtime.signals import Interrupted
from biencoder.storage import checkpoint, pooled_vectors, run_checkpoints
from biencoder.training import run, trainer

SAMPLE = Path(corpus.__file__).parent / "sample_corpus"


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

    def interrupt_at(*_):
        steps.append(1)
        if len(steps) > 5:
            raise Interrupted(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "set_learning_rates", interrupt_at)
        assert train(config) == 143
    run_dir = config.checkpoint_dir / "run"
    last = run_dir / run_checkpoints.read_index(run_dir)["last"]
    (last / "model.safetensors").write_bytes(b"damaged")
    assert train(config) == 0
    (warning,) = warnings_of(config)
    assert warning["message"] == f"checkpoint {last.name} is damaged"
    resumed = next(line for line in read_log(config) if line["event"] == "resume")
    assert resumed["checkpoint"] != last.name
    assert read_log(config)[-1]["status"] == "completed"


def test_a_resumed_run_removes_what_it_left_unfinished_and_no_index_that_another_writes(
    settings, monkeypatch
):
    config = Config(**settings)
    interrupted_run(config, monkeypatch)
    run_dir = config.checkpoint_dir / "run"
    best = run_checkpoints.read_index(run_dir)["best"]
    own = [run_dir / ".checkpoints.json.a.tmp", run_dir / best / ".checksums.json.a.tmp"]
    index = run_dir / "indexes" / ".texts.a.tmp"
    for folder in (*own, index):
        folder.mkdir(parents=True)
    assert train(config) == 0
    assert [folder.exists() for folder in (*own, index)] == [False, False, True]


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

    save = run_checkpoints.save
    monkeypatch.setattr("fcntl.flock", no_locks)
    monkeypatch.setattr("os.fsync", no_folders)
    monkeypatch.setattr(
        run_checkpoints, "save", lambda *args, **best: save(*args, **best) or ["old"]
    )
    config = Config(**settings | {"epochs": 0})
    assert train(config) == 0
    assert [warning["message"] for warning in warnings_of(config)] == [
        f"the file system of {config.log_dir} offers no locks (flock)",
        f"the file system of {config.log_dir} cannot synchronise folders to disk (fsync)",
        f"the file system of {config.checkpoint_dir} cannot synchronise folders to disk (fsync)",
        "checkpoint old cannot be removed",
    ]


def test_a_run_whose_best_checkpoint_is_damaged_begins_anew(settings, monkeypatch):
    config = Config(**settings)
    interrupted_run(config, monkeypatch)
    run_dir = config.checkpoint_dir / "run"
    best = run_checkpoints.read_index(run_dir)["best"]
    (run_dir / best / "model.safetensors").write_bytes(b"damaged")
    assert train(config) == 0
    (resumed,) = [line for line in read_log(config) if line["event"] == "resume"]
    assert (resumed["step"], resumed["checkpoint"]) == (0, None)
    checkpoint.verify(run_dir / run_checkpoints.read_index(run_dir)["best"])


def test_a_run_is_not_gone_on_with_by_the_checkpoint_of_another_that_has_its_name(
    settings, monkeypatch, tmp_path
):
    interrupted_run(Config(**settings), monkeypatch)
    other = {"checkpoint_dir": tmp_path / "others", "log_dir": tmp_path / "logs of others"}
    train(Config(**settings | other | {"seed": 5}))
    mixed = Config(**settings | {"checkpoint_dir": other["checkpoint_dir"]})
    with pytest.raises(RunError, match=r"others/run/epoch-.*: of another run, with --seed=5; give"):
        train(mixed)


def test_a_run_without_its_checkpoints_says_that_it_begins_anew(
    settings, monkeypatch, tmp_path, capsys
):
    interrupted_run(Config(**settings), monkeypatch)
    elsewhere = Config(**settings | {"checkpoint_dir": tmp_path / "empty"})
    assert train(elsewhere) == 0
    assert "run run begins anew: " in capsys.readouterr().out


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


@pytest.mark.parametrize("part", ["weights", "tokenizer"])
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
    collect = run.collect_provenance

    def elsewhere(*args):
        return collect(*args) | {"threads": 99, "git_commit": "f" * 40}

    monkeypatch.setattr(run, "collect_provenance", elsewhere)
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
    monkeypatch.setattr(environment, "precision", lambda *_: "float32")
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


def test_a_first_stage_that_is_not_there_leaves_no_log(settings):
    config = Config(**settings | {"init_from": "nothing"})
    with pytest.raises(RunError, match="nothing: no checkpoint there"):
        train(config)
    assert not config.log_dir.exists()


def test_vectors_that_cannot_be_kept_are_warned_of_and_what_a_killed_run_left_is_cleared(
    settings, monkeypatch
):
    monkeypatch.setenv("BIENCODER_COMMIT", "a" * 40)
    config = Config(**settings | {"epochs": 0})
    in_its_place = config.checkpoint_dir / pooled_vectors.NAME
    in_its_place.mkdir(parents=True)
    left = config.checkpoint_dir / f".{pooled_vectors.NAME}.abcdefgh.tmp"
    left.mkdir()
    os.utime(left, (0, 0))
    assert train(config) == 0
    (warning,) = warnings_of(config)
    assert warning["message"].startswith(f"{in_its_place}: cannot be written")
    assert not left.exists()
