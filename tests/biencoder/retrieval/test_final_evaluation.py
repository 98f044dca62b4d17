import torch
from handmade import make_split

from biencoder.data.corpus import Corpus
from biencoder.retrieval import final_evaluation
from biencoder.retrieval.embedding import Embeddings
from biencoder.retrieval.pools import POOLS

CORPUS = Corpus(
    training=make_split([("p0", "c0"), ("p1", "shared")], "training"),
    validation=make_split([("p2", "shared"), ("p3", "c3")], "validation"),
    test=make_split([("p1", "c4"), ("p5", "c5")], "test"),
    digest="",
)


def test_a_leaked_pair_shares_a_text_across_the_border_of_training():
    assert final_evaluation.leaked(CORPUS.training, CORPUS).tolist() == [False, True]
    assert final_evaluation.leaked(CORPUS.validation, CORPUS).tolist() == [True, False]
    assert final_evaluation.leaked(CORPUS.test, CORPUS).tolist() == [True, False]


def test_a_split_is_scored_in_every_pool_and_printed_as_one_line(model):
    torch.manual_seed(0)
    embeddings = Embeddings(torch.randn(4, 128), torch.randn(4, 6))
    result = final_evaluation.evaluate(CORPUS.test, CORPUS, embeddings, model(hubness_weight=1.0))
    assert list(result.pools) == list(POOLS)
    for name in ("top1", "hits", "n", "head_top1"):
        assert result.pools["epa"][name] == result.metrics[name]
    assert result.metrics["top1"] != result.metrics["head_top1"]
    header, line = final_evaluation.pool_table([result]).splitlines()
    assert header.split()[1:] == list(POOLS)
    assert line.split()[0] == "test"
    assert line.split()[-1] == f"{result.metrics['top1']:.1%}"


def test_pools_that_a_split_has_not_are_no_figures(model):
    split = make_split([("p0", "c0"), ("p1", "c1")], "test")
    split.pairs["domain"] = split.pairs["stance"] = "-"
    embeddings = Embeddings(torch.randn(4, 128), torch.randn(4, 6))
    result = final_evaluation.evaluate(split, CORPUS, embeddings, model())
    assert [*result.pools] == ["sdc", "sda", "epc", "epa"]
    header, _ = final_evaluation.pool_table([result]).splitlines()
    assert header.split()[1:] == ["sdc", "sda", "epc", "epa"]
