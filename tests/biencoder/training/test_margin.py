import pytest
import torch
from handmade import make_split
from jobs import interrupted_run, read_log, train

from biencoder.config import Config
from biencoder.training import trainer
from biencoder.training.margin import euclidean_margin


def distances(*lengths):
    """A split of pairs, and vectors that stand that far apart."""
    split = make_split([(f"point {length}", f"counter {length}") for length in lengths])
    sim = torch.zeros(len(split.texts), 128)
    sim[split.counter_ids, 0] = torch.tensor(lengths)
    return split, sim


def test_the_margin_is_a_share_of_the_median_distance_of_point_and_counter():
    split, sim = distances(1.0, 2.0, 8.0)
    assert euclidean_margin(Config(triplet_weight=1, margin=0.5), split, sim) == (1.0, 2.0)


def test_an_absolute_margin_is_what_it_says():
    split, sim = distances(1.0, 2.0, 8.0)
    config = Config(triplet_weight=1, margin=0.5, margin_unit="absolute")
    assert euclidean_margin(config, split, sim) == (0.5, 2.0)


def test_texts_that_are_all_alike_leave_a_margin_above_0():
    split, sim = distances(0.0, 0.0)
    assert euclidean_margin(Config(), split, sim)[0] > 0


def test_the_margin_is_logged_in_both_units_and_kept_on_resume(settings, monkeypatch):
    config = Config(**settings | {"epochs": 2, "margin": 0.5})
    margins, build = [], trainer.Objective

    def spy(model, config, margin):
        margins.append(margin)
        return build(model, config, margin)

    monkeypatch.setattr(trainer, "Objective", spy)
    interrupted_run(config, monkeypatch)
    train(config)
    (line,) = (line for line in read_log(config) if line["event"] == "margin")
    assert line["margin"] == 0.5
    assert line["euclidean"] == pytest.approx(0.5 * line["median_distance"])
    assert margins == [line["euclidean"]] * 2  # measured once, before the first step
