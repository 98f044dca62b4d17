import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from handmade import make_model, make_split
from safetensors.torch import load_file, save_file

from biencoder import checkpoint, corpus, embedding, environment, trainer
from biencoder.checkpoint import Best
from biencoder.config import Config
from biencoder.embedding import Tokens, encode
from biencoder.interruption import Interrupted, Interruption
from biencoder.negatives import mine
from biencoder.variants import VARIANTS
from commandline import RunError

SAMPLE = Path(trainer.__file__).parent / "sample_corpus"

#: Fields that differ between two runs of one seed: when, how fast, and where files went.
OF_THE_MOMENT = ("time", "seconds", "triplets_per_second", "path")


@pytest.fixture
def settings(tiny_encoder, tmp_path):
    """A run of a second or two: the sample corpus, a tiny encoder, files in a folder of its own."""
    return {
        "encoder": str(tiny_encoder),
        "max_length": 24,
        "epochs": 1,
        "log_dir": tmp_path / "logs",
        "checkpoint_dir": tmp_path / "checkpoints",
        "run_id": "run",
        "device": "cpu",
        "negatives": "falling",  # hard ones from the first epoch on
    }


def train(config):
    return trainer.train(config, Interruption())


def read_log(config):
    path = config.log_dir / f"{config.run_id}.jsonl"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


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


def test_the_switches_change_neither_order_nor_negatives_nor_shared_parameters():
    split = make_split([(f"p{number}", f"c{number}") for number in range(20)])
    sim = torch.rand(40, 128, generator=torch.Generator().manual_seed(0))
    orders, negatives, initial = [], [], []
    for name in VARIANTS:
        config = Config(variant=name)
        orders.append([batch.tolist() for batch in trainer.batches(config, split, epoch=3)])
        mined = mine(split, sim, 0.5, config.seed, epoch=3)
        negatives.append(mined.text_ids.tolist())
        initial.append(make_model(layernorm=config.layernorm, relu=config.relu).state_dict())
    assert all(order == orders[0] for order in orders)
    assert all(chosen == negatives[0] for chosen in negatives)
    shared = set.intersection(*(set(state) for state in initial))
    assert {"similarity.weight", "head.weight", "encoder.states.weight"} <= shared
    for state in initial:
        assert all(torch.equal(state[name], initial[0][name]) for name in shared)


def test_variants_of_one_seed_read_the_same_triplets_while_negatives_are_random(
    settings, monkeypatch
):
    seen = {}
    groups = Tokens.groups

    def spy(tokens, rows, device):
        seen[config.variant].append(rows.tolist())
        return groups(tokens, rows, device)

    monkeypatch.setattr(Tokens, "groups", spy)
    for name in VARIANTS:
        config = Config(**settings | {"variant": name, "negatives": "only_random", "run_id": name})
        seen[name] = []
        train(config)
    assert len(seen["with_layernorm_relu"]) == -(-len(corpus.load(None).training) // 8)
    assert all(batches == seen["with_layernorm_relu"] for batches in seen.values())


def test_every_epoch_visits_every_pair_once_in_an_order_of_its_own():
    split = make_split([(f"p{number}", f"c{number}") for number in range(21)])
    config = Config(batch_size=4)
    epochs = [np.concatenate(list(trainer.batches(config, split, epoch))) for epoch in (0, 1)]
    assert all(sorted(order) == list(range(21)) for order in epochs)
    assert epochs[0].tolist() != epochs[1].tolist()


def test_the_encoder_and_what_starts_fresh_learn_at_rates_of_their_own():
    model = make_model()
    optimizer = trainer.make_optimizer(model, Config(lr=1e-5, head_lr=1e-2))
    rates = [group["lr"] for group in optimizer.param_groups for _ in group["params"]]
    named = dict(zip((name for name, _ in model.named_parameters()), rates, strict=True))
    assert all((rate == 1e-5) == name.startswith("encoder.") for name, rate in named.items())
    assert named["similarity.weight"] == named["head.weight"] == 1e-2


def test_in_batch_negatives_come_debate_by_debate_and_every_pair_is_still_visited_once():
    split = make_split([(f"p{number}", f"c{number}") for number in range(40)])
    rows = np.arange(40)
    split.pairs["domain"] = [f"domain{row % 2}" for row in rows]
    split.pairs["title"] = [f"debate{row % 8}" for row in rows]  # five pairs each
    epochs = []
    for epoch in range(4):
        config = Config(batch_size=10, in_batch_weight=1)
        found = list(trainer.batches(config, split, epoch))
        for batch in found:
            assert len(set(batch % 2)) == 1
            assert sorted(np.bincount(batch % 8, minlength=8)) == [0] * 6 + [5] * 2
        epochs.append(found)
    assert all(sorted(np.concatenate(order)) == list(rows) for order in epochs)
    meetings = {frozenset(frozenset(batch % 8) for batch in order) for order in epochs}
    assert len(meetings) > 1  # other debates meet in another epoch


def test_each_split_is_encoded_once_an_evaluation_and_once_more_where_an_earlier_epoch_is_best(
    settings, monkeypatch
):
    """The untrained encoder's figures and the evaluation before training share their vectors."""
    embedded = []

    def spy(pooled, tokens, device, label, heed):
        embedded.append(label)
        return encode(pooled, tokens, device, label, heed)

    monkeypatch.setattr(trainer, "encode", spy)
    monkeypatch.setattr(embedding, "encode", spy)
    config = Config(**settings | {"epochs": 2})
    train(config)
    times = 3 if read_log(config)[-1]["best_epoch"] == 2 else 4
    assert sorted(embedded) == sorted(times * ["training", "validation", "test"])


def test_a_text_that_several_triplets_hold_is_encoded_once_and_is_one_candidate(tiny_encoder):
    encoder, tokenizer = trainer.encoder.load(str(tiny_encoder), "mean", 24)
    split = make_split([("one", "two"), ("three", "four"), ("one", "four")])
    assert split.texts == ["one", "three", "two", "four"]
    tokens = Tokens(split.texts, tokenizer, 24)
    texts = np.array([[0, 1], [2, 3], [1, 0]])
    batch = trainer.make_batch(texts, split, tokens, torch.device("cpu"))
    assert sum(len(ids) for ids, _ in batch.groups) == batch.candidates == 4
    config = Config(encoder=str(tiny_encoder))
    model = trainer.build(config, encoder, "float32").eval()
    sim = torch.cat([model(*group)[0] for group in batch.groups])
    plain = torch.cat([model(*tokens.batch(row, sim.device))[0] for row in np.arange(4)[:, None]])
    torch.testing.assert_close(sim[batch.triplets], plain[texts])
    candidates = torch.zeros_like(sim).index_copy(0, batch.given_as, sim[batch.given])
    torch.testing.assert_close(candidates[batch.positives], plain[texts[1]])
    # No wrong answer of the first pair: its point and its point's other counter; of the second:
    # its point. The candidates are numbered as the texts are, all four being there.
    assert batch.masked.tolist() == [[True, False, False, True], [False, True, False, False]]


def test_thinned_evaluation_and_mining_still_begin_and_end_the_run(settings):
    config = Config(**settings | {"epochs": 5, "eval_every": 3, "mine_every": 2})
    train(config)
    lines = read_log(config)
    evaluated = [line["epoch"] for line in lines if line["event"] == "eval"]
    mined = [line["epoch"] for line in lines if line["event"] == "mine"]
    assert sorted(set(evaluated)) == [0, 3, 5]
    assert mined == [0, 2, 4]


def test_no_epoch_at_all_evaluates_the_untrained_model(settings):
    config = Config(**settings | {"epochs": 0})
    assert train(config) == 0
    events = [line["event"] for line in read_log(config)]
    evaluated = [*["untrained"] * 3, *["eval"] * 3]
    assert events == ["run_start", *evaluated, "checkpoint", *["pools"] * 24, "run_end"]


def test_kept_leaked_pairs_add_the_figures_of_unseen_points(settings):
    config = Config(**settings | {"epochs": 0, "leaked_pairs": "keep"})
    train(config)
    evals = {line["split"]: line for line in read_log(config) if line["event"] == "eval"}
    assert evals["training"]["n_unseen"] == 0
    assert evals["training"]["top1_unseen"] is None
    assert evals["training"]["nonfinite"] == ["top1_unseen"]
    assert evals["validation"]["n_unseen"] == evals["validation"]["n"]


@pytest.fixture
def poison_step(monkeypatch):
    """A function that makes the loss of one step, counted from 1, not a number."""

    def poison(number, value=float("nan")):
        step, calls = trainer.triplet_step, []

        def poisoned(*args):
            loss = step(*args)
            calls.append(loss)
            return loss._replace(total=loss.total * value) if len(calls) == number else loss

        monkeypatch.setattr(trainer, "triplet_step", poisoned)

    return poison


def warnings_of(config):
    return [line for line in read_log(config) if line["event"] == "warning"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_the_run_and_the_log_says_where(
    settings, poison_step, value
):
    poison_step(4, value)
    config = Config(**settings)
    with pytest.raises(RunError, match="not finite at step 4"):
        train(config)
    (warning,) = warnings_of(config)
    assert (warning["step"], warning["action"]) == (4, "stopped")
    assert len(warning["pair_ids"]) == config.batch_size
    end = read_log(config)[-1]
    assert (end["event"], end["status"]) == ("run_end", "failed")
    assert "not finite at step 4" in end["reason"]


def test_no_checkpoint_holds_weights_after_a_loss_that_is_not_finite(settings, poison_step):
    poison_step(4)
    config = Config(**settings | {"checkpoint_every": "2steps"})
    with pytest.raises(RunError, match="not finite at step 4"):
        train(config)
    steps = [line["step"] for line in read_log(config) if line["event"] == "checkpoint"]
    assert steps == [0, 2]


def test_a_step_that_is_not_finite_can_be_skipped(settings, poison_step):
    poison_step(4)
    config = Config(**settings | {"on_nan": "skip"})
    assert train(config) == 0
    (warning,) = warnings_of(config)
    assert (warning["step"], warning["action"]) == (4, "skipped the step")
    assert all(np.isfinite(line["loss"]) for line in read_log(config) if line["event"] == "step")


def test_a_weight_that_is_not_a_number_stops_the_run(settings, monkeypatch):
    build = trainer.build

    def planted(*args):
        model = build(*args)
        with torch.no_grad():
            model.head.weight[0, 0] = float("nan")
        return model

    monkeypatch.setattr(trainer, "build", planted)
    with pytest.raises(RunError, match="not finite at step 1"):
        train(Config(**settings))


def test_collapsed_embeddings_are_warned_of(settings, monkeypatch):
    def collapse(model, *_):
        with torch.no_grad():
            model.similarity.weight.zero_()

    monkeypatch.setattr(trainer, "start_from_principal", collapse)
    config = Config(**settings)
    train(config)
    assert any("have collapsed" in warning["message"] for warning in warnings_of(config))


def test_negatives_that_no_longer_change_are_warned_of(settings):
    config = Config(
        **settings | {"negatives": "only_hard", "epochs": 2, "lr": 1e-30, "head_lr": 1e-30}
    )
    train(config)
    (warning,) = (w for w in warnings_of(config) if "untrained" not in w["message"])
    assert warning["message"].startswith("no negative changed")
    assert warning["epoch"] == 1


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


def interrupted_run(config, monkeypatch):
    """Start a run and let a signal end it in its first epoch."""
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "_dropout_seed", _interrupt)
        assert train(config) == 143


def _interrupt(*_):
    raise Interrupted(signal.SIGTERM)


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


@pytest.mark.parametrize("on_nan", ["stop", "skip"])
def test_weights_that_overflow_stop_the_run_in_one_line(settings, on_nan, monkeypatch):
    step = torch.optim.Adam.step

    def overflow(optimizer):
        step(optimizer)
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.data.fill_(float("inf"))

    monkeypatch.setattr(torch.optim.Adam, "step", overflow)
    config = Config(**settings | {"on_nan": on_nan, "batch_size": 200})
    with pytest.raises(RunError, match=r"embeddings of training are not finite after step 1 "):
        train(config)
    assert read_log(config)[-1]["status"] == "failed"


def test_a_run_goes_on_where_nobody_reads_what_it_prints(settings):
    flags = [f"--{name}={value}" for name, value in settings.items()]
    command = [sys.executable, str(SAMPLE.parents[1] / "train.py"), *flags]
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


def test_strange_texts_are_trained_on_like_others(settings, write_corpus):
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


def test_one_validation_pair_is_enough_to_run(settings, write_corpus):
    """k is larger than the pool, and there is one domain."""
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

    monkeypatch.setattr(trainer, "mine_negatives", interrupt)
    config = Config(**settings)
    assert train(config) == 143
    end = read_log(config)[-1]
    assert (end["status"], end["best_epoch"]) == ("interrupted", 0)


def untrained_of(config):
    return [
        {key: value for key, value in line.items() if key not in ("run_id", *OF_THE_MOMENT)}
        for line in read_log(config)
        if line["event"] == "untrained"
    ]


def test_the_untrained_encoder_is_the_same_beside_every_variant_and_a_second_stage(settings):
    found = []
    for flags in (
        {"run_id": "run"},
        {"variant": "without_layernorm_relu", "run_id": "bare"},
        {"init_from": "run", "run_id": "second"},
    ):
        config = Config(**settings | flags)
        train(config)
        found.append(untrained_of(config))
    assert [line["split"] for line in found[0]] == ["training", "validation", "test"]
    assert all(line["top1"] == line["nearest_top1"] for line in found[0])
    assert found[0] == found[1] == found[2]


def test_the_last_line_compares_the_best_epoch_with_the_untrained_encoder(settings, capsys):
    config = Config(**settings)
    train(config)
    *_, last = capsys.readouterr().out.splitlines()
    best = read_log(config)[-1]
    share, floor = best["top1"]["validation"], untrained_of(config)[1]["top1"]
    assert last.startswith(f"best epoch {best['best_epoch']}: ")
    assert f"validation {100 * share:.1f} % (untrained encoder {100 * floor:.1f} %)" in last


@pytest.mark.parametrize(("floor", "warned"), [(1.1, True), (-0.1, False)])
def test_a_run_that_ends_below_the_untrained_encoder_says_so(settings, monkeypatch, floor, warned):
    figures_of = trainer.figures_of

    def changed(ranking, split, run):
        figures = figures_of(ranking, split, run)
        return figures if run.progress.untrained else figures | {"top1": floor}

    monkeypatch.setattr(trainer, "figures_of", changed)
    config = Config(**settings)
    train(config)
    said = [w["message"] for w in warnings_of(config) if "untrained" in w["message"]]
    assert said == ["the run ends below the untrained encoder on validation"] * warned


def test_the_first_epoch_can_be_evaluated_several_times(settings):
    config = Config(**settings | {"first_epoch_evals": 4, "epochs": 2})
    train(config)
    lines = [line for line in read_log(config) if line["event"] == "eval"]
    places = [(line["epoch"], line["step"]) for line in lines if line["split"] == "test"]
    # 108 pairs are 14 steps
    assert places == [(0, 0), (0, 4), (0, 7), (0, 10), (1, 14), (2, 28)]
    within = {line["top1"] for line in lines if line["step"] in (4, 7, 10)}
    assert within - {line["top1"] for line in lines if line["step"] == 0}


def test_evaluations_within_an_epoch_change_nothing_and_are_never_the_best(settings, tmp_path):
    plain = Config(**settings)
    often = Config(**settings | {"first_epoch_evals": 5, "checkpoint_dir": tmp_path / "often",
                                 "log_dir": tmp_path / "often"})  # fmt: skip
    ends = []
    for config in (plain, often):
        train(config)
        folder = checkpoint.find("run", config.checkpoint_dir)
        ends.append((read_log(config)[-1]["best_epoch"], (folder / checkpoint.MODEL).read_bytes()))
    assert ends[0] == ends[1]


def test_a_run_interrupted_in_an_evaluation_within_the_epoch_goes_on_with_it(settings, monkeypatch):
    config = Config(**settings | {"first_epoch_evals": 2})
    evaluate_all = trainer.evaluate_all

    def interrupt(run):
        if run.progress.step == 7:
            raise Interrupted(signal.SIGTERM)
        return evaluate_all(run)

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "evaluate_all", interrupt)
        assert train(config) == 143
    assert train(config) == 0
    lines = read_log(config)
    assert [line["step"] for line in lines if line["event"] == "resume"] == [7]
    evaluated = [line["step"] for line in lines if line["event"] == "eval"]
    assert evaluated == [0, 0, 0, 7, 7, 7, 14, 14, 14]


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


def test_pools_and_predictions_are_those_of_the_best_epoch_where_it_is_not_the_last(
    settings, monkeypatch
):
    monkeypatch.setattr(Best, "update", lambda self, epoch, top1: _keep_first(self, epoch, top1))
    config = Config(**settings | {"epochs": 1})
    train(config)
    lines = read_log(config)
    before_training = {
        line["split"]: line["hits"]
        for line in lines
        if line["event"] == "eval" and line["epoch"] == 0
    }
    widest = {
        line["split"]: line["hits"]
        for line in lines
        if line["event"] == "pools" and line["pool"] == "epa"
    }
    assert widest == before_training
    assert {line["epoch"] for line in lines if line["event"] == "pools"} == {0}


def _keep_first(best, epoch, top1):
    if best.epoch is not None:
        return False
    best.epoch, best.top1 = epoch, top1
    return True


def test_the_best_epoch_is_the_earliest_of_the_highest_validation_top1():
    best = Best()
    taken = [
        best.update(epoch, {"validation": validation, "test": test})
        for epoch, (validation, test) in enumerate([(0.1, 0.9), (0.3, 0.2), (0.3, 0.8), (0.2, 1.0)])
    ]
    assert taken == [True, True, False, False]
    assert (best.epoch, best.top1["test"]) == (1, 0.2)


def test_a_first_stage_that_is_not_there_leaves_no_log(settings):
    config = Config(**settings | {"init_from": "nothing"})
    with pytest.raises(RunError, match="nothing: no checkpoint there"):
        train(config)
    assert not config.log_dir.exists()
