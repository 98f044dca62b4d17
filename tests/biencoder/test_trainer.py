import json
import signal

import numpy as np
import pytest
import torch
from handmade import make_model, make_split

from biencoder import corpus, trainer
from biencoder.config import Config
from biencoder.interruption import Interrupted, Interruption
from biencoder.negatives import mine
from biencoder.trainer import Best
from biencoder.variants import VARIANTS
from commandline import RunError

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
        config = Config(**settings, seed=seed).model_copy(update={"run_id": f"seed{seed}"})
        train(config)
        losses.add(next(line["loss"] for line in read_log(config) if line["event"] == "step"))
    assert len(losses) == 2


def test_the_switches_change_neither_order_nor_negatives_nor_shared_parameters():
    split = make_split([(f"p{number}", f"c{number}") for number in range(20)])
    vectors = np.random.default_rng(0).random((40, 128), np.float32)
    orders, negatives, initial = [], [], []
    for name in VARIANTS:
        config = Config(variant=name)
        orders.append([batch.tolist() for batch in trainer.batches(config, split, epoch=3)])
        mined = mine(split, vectors, 0.5, config.seed, epoch=3)
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
    step = trainer.triplet_step

    def spy(model, input_ids, mask, margin):
        seen[config.variant].append(input_ids.tolist())
        return step(model, input_ids, mask, margin)

    monkeypatch.setattr(trainer, "triplet_step", spy)
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
    assert events == ["run_start", *["eval"] * 3, "checkpoint", *["pools"] * 24, "run_end"]


def test_kept_leaked_pairs_add_the_figures_of_unseen_points(settings):
    config = Config(**settings | {"epochs": 0, "leaked_pairs": "keep"})
    train(config)
    evals = {line["split"]: line for line in read_log(config) if line["event"] == "eval"}
    assert evals["training"]["n_unseen"] == 0
    assert evals["training"]["top1_unseen"] is None
    assert evals["training"]["nonfinite"] == ["top1_unseen"]
    assert evals["validation"]["n_unseen"] == evals["validation"]["n"]


def test_a_loss_that_is_not_finite_stops_the_run_and_the_log_says_so(settings, monkeypatch):
    step = trainer.triplet_step
    calls = []

    def poisoned(*args):
        loss = step(*args)
        calls.append(loss)
        return loss._replace(total=loss.total * float("nan")) if len(calls) == 4 else loss

    monkeypatch.setattr(trainer, "triplet_step", poisoned)
    config = Config(**settings)
    with pytest.raises(RunError, match="not finite at step 4"):
        train(config)
    end = read_log(config)[-1]
    assert (end["event"], end["status"]) == ("run_end", "failed")
    assert "not finite at step 4" in end["reason"]


def test_an_interrupted_run_says_so_and_still_reports_its_best_epoch(settings, monkeypatch):
    def interrupt(*_):
        raise Interrupted(signal.SIGTERM)

    monkeypatch.setattr(trainer, "mine_negatives", interrupt)
    config = Config(**settings)
    assert train(config) == 143
    end = read_log(config)[-1]
    assert (end["status"], end["best_epoch"]) == ("interrupted", 0)


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


def test_trec_files_are_written_on_request_alone(settings):
    config = Config(**settings | {"epochs": 0, "trec": True})
    train(config)
    written = sorted(path.name for path in (config.log_dir / "run.trec").iterdir())
    assert written == [
        f"{split}.{suffix}"
        for split in ("test", "training", "validation")
        for suffix in ("qrels", "run")
    ]


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
