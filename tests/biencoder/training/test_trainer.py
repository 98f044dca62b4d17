import signal
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from jobs import interrupted_run, read_log, train, warnings_of
from safetensors.torch import load_file

from biencoder.config import Config
from biencoder.data import corpus
from biencoder.errors import RunError
from biencoder.runtime.signals import Interrupted
from biencoder.storage import checkpoint, run_checkpoints
from biencoder.training import beginning, objective, trainer
from biencoder.training.evaluation import Evaluator
from biencoder.training.trainer import Trainer
from biencoder.variants import VARIANTS


def test_variants_of_one_seed_read_the_same_triplets_while_negatives_are_random(
    settings, monkeypatch
):
    seen = {}
    make_batch = trainer.make_batch

    def spy(texts, *others):
        seen[config.variant].append(texts.tolist())
        return make_batch(texts, *others)

    monkeypatch.setattr(trainer, "make_batch", spy)
    for name in VARIANTS:
        config = Config(**settings | {"variant": name, "negatives": "only_random", "run_id": name})
        seen[name] = []
        train(config)
    assert len(seen["with_layernorm_relu"]) == -(-len(corpus.load(None).training) // 8)
    assert all(batches == seen["with_layernorm_relu"] for batches in seen.values())


@pytest.mark.parametrize(
    ("flags", "expected"),
    [({}, False), ({"in_batch_weight": 1}, True), ({"listwise_weight": 1}, True)],
)
def test_batches_are_of_one_debate_where_their_texts_are_each_others_negatives(
    settings, monkeypatch, flags, expected
):
    def spy(*_, by_debate):
        raise RunError(f"by debate: {by_debate}")  # the rest of the run does not matter

    monkeypatch.setattr(trainer, "epoch_batches", spy)
    with pytest.raises(RunError, match=f"by debate: {expected}"):
        train(Config(**settings | flags))


def test_thinned_evaluation_and_mining_still_begin_and_end_the_run(settings):
    config = Config(**settings | {"epochs": 5, "eval_every": 3, "mine_every": 2})
    train(config)
    lines = read_log(config)
    evaluated = [line["epoch"] for line in lines if line["event"] == "eval"]
    mined = [line["epoch"] for line in lines if line["event"] == "mine"]
    assert sorted(set(evaluated)) == [0, 3, 5]
    assert mined == [0, 2, 4]
    saved = Counter(line["epoch"] for line in lines if line["event"] == "checkpoint")
    # After training, and once more where it is evaluated.
    assert saved == {0: 1, 1: 1, 2: 1, 3: 2, 4: 1, 5: 2}


def test_within_the_first_epoch_validation_can_be_evaluated_several_times(settings):
    config = Config(**settings | {"first_epoch_evals": 4, "epochs": 2})
    train(config)
    lines = [line for line in read_log(config) if line["event"] == "eval"]
    places = {
        split: [(line["epoch"], line["step"]) for line in lines if line["split"] == split]
        for split in ("training", "validation", "test")
    }
    # 108 pairs are 14 steps
    assert places["validation"] == [(0, 0), (0, 4), (0, 7), (0, 10), (1, 14), (2, 28)]
    assert places["training"] == places["test"] == [(0, 0), (1, 14), (2, 28)]
    within = {line["mrr_at_10"] for line in lines if line["step"] in (4, 7, 10)}
    assert within - {line["mrr_at_10"] for line in lines if line["step"] == 0}


def test_evaluations_within_an_epoch_change_nothing_and_are_never_the_best(settings, tmp_path):
    plain = Config(**settings)
    often = Config(**settings | {"first_epoch_evals": 5, "checkpoint_dir": tmp_path / "often",
                                 "log_dir": tmp_path / "often"})  # fmt: skip
    ends = []
    for config in (plain, often):
        train(config)
        folder = run_checkpoints.find("run", config.checkpoint_dir)
        ends.append((read_log(config)[-1]["best_epoch"], (folder / checkpoint.MODEL).read_bytes()))
    assert ends[0] == ends[1]


def test_a_run_interrupted_in_an_evaluation_within_the_epoch_goes_on_with_it(settings, monkeypatch):
    config = Config(**settings | {"first_epoch_evals": 2})
    evaluate = Trainer.evaluate

    def interrupt(trainer):
        if trainer.state.progress.step == 7:
            raise Interrupted(signal.SIGTERM)
        return evaluate(trainer)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "evaluate", interrupt)
        assert train(config) == 143
    assert train(config) == 0
    lines = read_log(config)
    assert [line["step"] for line in lines if line["event"] == "resume"] == [7]
    evaluated = [line["step"] for line in lines if line["event"] == "eval"]
    assert evaluated == [0, 0, 0, 7, 14, 14, 14]


@pytest.mark.parametrize(("due", "steps_again"), [("1epoch", 0), ("3epochs", 14)])
def test_a_crash_in_the_evaluation_after_an_epoch_costs_no_step_that_a_checkpoint_is_due_after(
    settings, monkeypatch, due, steps_again
):
    config = Config(**settings | {"epochs": 2, "checkpoint_every": due, "log_every": 1})
    evaluate = Trainer.evaluate

    def crash(trainer):
        if trainer.state.progress.epoch == 1:
            raise MemoryError
        return evaluate(trainer)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "evaluate", crash)
        with pytest.raises(RunError):
            train(config)
    assert train(config) == 0
    steps = [line["step"] for line in read_log(config) if line["event"] == "step"]
    assert len(steps) - len(set(steps)) == steps_again


@pytest.mark.parametrize(("floor", "warned"), [(1.1, True), (-0.1, False)])
def test_a_run_that_ends_below_the_untrained_encoder_says_so(settings, monkeypatch, floor, warned):
    evaluate_untrained = Evaluator.evaluate_untrained

    def changed(evaluator, progress, known):
        pooled = evaluate_untrained(evaluator, progress, known)
        progress.untrained["validation"] = floor
        return pooled

    monkeypatch.setattr(Evaluator, "evaluate_untrained", changed)
    config = Config(**settings)
    train(config)
    said = [w["message"] for w in read_log(config) if w["event"] == "warning"]
    assert said == ["the run ends below the untrained encoder on validation"] * warned


@pytest.fixture
def poison_step(monkeypatch):
    """A function that makes the loss of one step, counted from 1, not a number."""

    def poison(number, value=float("nan")):
        step, calls = objective.triplet_losses, []

        def poisoned(*args):
            triplet, *others = step(*args)
            calls.append(triplet)
            return (triplet * value if len(calls) == number else triplet, *others)

        monkeypatch.setattr(objective, "triplet_losses", poisoned)

    return poison


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


def test_a_signal_saves_no_weights_after_a_loss_that_is_not_finite(
    settings, poison_step, monkeypatch
):
    poison_step(3)
    steps = []

    def interrupt_at_the_fifth(*_):
        steps.append(1)
        if len(steps) == 5:
            raise Interrupted(signal.SIGTERM)

    monkeypatch.setattr(trainer, "set_learning_rates", interrupt_at_the_fifth)
    config = Config(**settings)
    with pytest.raises(RunError, match="not finite at step 3"):
        train(config)
    saved = [line["step"] for line in read_log(config) if line["event"] == "checkpoint"]
    assert saved == [0]


def test_a_step_before_an_evaluation_within_the_epoch_is_named_too(settings, poison_step):
    poison_step(4)
    config = Config(**settings | {"first_epoch_evals": 3})
    with pytest.raises(RunError, match="not finite at step 4"):
        train(config)


def test_a_step_that_is_not_finite_can_be_skipped(settings, poison_step):
    poison_step(4)
    config = Config(**settings | {"on_nan": "skip"})
    assert train(config) == 0
    (warning,) = warnings_of(config)
    assert (warning["step"], warning["action"]) == (4, "skipped the step")
    assert all(np.isfinite(line["loss"]) for line in read_log(config) if line["event"] == "step")


def test_a_weight_that_is_not_a_number_stops_the_run(settings, monkeypatch):
    def plant(model, *_, **__):
        with torch.no_grad():
            model.head.weight[0, 0] = float("nan")

    monkeypatch.setattr(beginning, "start_from_pretrained", plant)
    with pytest.raises(RunError, match="not finite at step 1"):
        train(Config(**settings))


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
    with pytest.raises(
        RunError, match=r"embeddings of training contain NaN or infinity after step 1 "
    ):
        train(config)
    assert read_log(config)[-1]["status"] == "failed"


def test_collapsed_embeddings_are_warned_of(settings, monkeypatch):
    def collapse(model, *_, **__):
        with torch.no_grad():
            model.similarity.weight.zero_()

    monkeypatch.setattr(beginning, "start_from_pretrained", collapse)
    config = Config(**settings)
    train(config)
    assert any("have collapsed" in warning["message"] for warning in warnings_of(config))


def test_negatives_that_no_longer_change_are_warned_of(settings):
    config = Config(
        **settings | {"negatives": "only_hard", "epochs": 2, "lr": 1e-30, "head_lr": 1e-30}
    )
    train(config)
    (warning,) = warnings_of(config)
    assert warning["message"].startswith("no negative changed")
    assert warning["epoch"] == 1


def steps_of(config):
    return [line for line in read_log(config) if line["event"] == "step"]


def test_the_last_step_of_each_epoch_is_logged(settings):
    config = Config(**settings | {"batch_size": 64, "epochs": 3})
    train(config)
    assert [line["step"] for line in steps_of(config)] == [2, 4, 6]
    often = Config(**settings | {"log_every": 5, "run_id": "often"})
    train(often)
    assert [line["step"] for line in steps_of(often)] == [5, 10, 14]


def test_the_rate_counts_the_pairs_that_there_are(settings, monkeypatch):
    clock = iter(range(10_000))
    monkeypatch.setattr(trainer.time, "monotonic", lambda: float(next(clock)))
    config = Config(**settings | {"batch_size": 1000})
    train(config)
    (line,) = steps_of(config)
    assert line["triplets_per_second"] == len(corpus.load(None).training)


def test_the_seconds_of_a_resumed_run_are_those_of_all_its_parts(settings, monkeypatch):
    config = Config(**settings)
    interrupted_run(config, monkeypatch)
    train(config)
    first, second = (line["seconds"] for line in read_log(config) if line["event"] == "run_end")
    evaluating = [line["seconds"] for line in read_log(config) if line["event"] == "untrained"]
    assert second > first > sum(evaluating)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_the_whole_share_brings_the_pretrained_encoder_back_after_each_epoch(
    settings, tiny_encoder, share
):
    config = Config(**settings | {"pretrained_share": share})
    train(config)
    last = [line["path"] for line in read_log(config) if line["event"] == "checkpoint"][-1]
    trained = load_file(Path(last) / checkpoint.MODEL)
    pretrained = load_file(tiny_encoder / "model.safetensors")
    name = "embeddings.word_embeddings.weight"
    assert torch.equal(trained[f"encoder.{name}"], pretrained[name]) == (share == 1.0)
