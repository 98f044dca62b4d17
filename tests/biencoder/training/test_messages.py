from biencoder.data import corpus
from biencoder.storage.progress import Best, Progress
from biencoder.training.messages import closing_line, describe, progress_note
from biencoder.training.throughput import Rates


def test_the_best_epoch_stands_beside_the_untrained_encoder():
    best = Best(epoch=2, top1={"validation": 0.5, "test": 0.4})
    progress = Progress(best=best, untrained={"training": 0.1, "validation": 0.3, "test": 0.45})
    assert closing_line(progress) == (
        "best epoch 2: validation 50.0 % (untrained encoder 30.0 %), "
        "test 40.0 % (untrained encoder 45.0 %)"
    )
    best.head_top1 = dict(best.top1)
    assert "alone" not in closing_line(progress)  # hubness changes nothing


def test_where_hubness_decides_the_pair_head_alone_stands_beside_the_untrained_encoder():
    best = Best(epoch=2, top1={"test": 0.5}, head_top1={"test": 0.46})
    progress = Progress(best=best, untrained={"test": 0.3})
    assert closing_line(progress) == (
        "best epoch 2: test 50.0 % (pair head alone 46.0 %, untrained encoder 30.0 %)"
    )


def test_the_time_to_go_follows_from_the_pairs_that_are_left():
    rates = Rates(2.0, 4321.0, 0.03, 0.4, 1_500_000_000)
    assert progress_note(1.5, rates, pairs_left=240) == (
        "loss 1.500, 02:00 of training to go, 2.0 pairs/s, 4,321 tokens/s, 3% padding, "
        "40% of the matrix rate, peak 1.5 GB"
    )


def test_a_split_is_described_by_what_it_holds_and_what_was_left_out():
    whole = {"texts_cut": 0.0, "tokens_lost": 0.0, "texts_alike": 0}
    training = corpus.load(None).training
    assert describe(training, whole, 128) == "108 pairs of 108 points"
    cut = {"texts_cut": 0.5, "tokens_lost": 0.25, "texts_alike": 2}
    assert describe(training, cut, 128).endswith(
        "; 50% of texts cut at 128 tokens, 25% of all tokens lost; "
        "2 texts have the same tokens as another"
    )
