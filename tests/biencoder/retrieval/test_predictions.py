import numpy as np
import pytest
import torch

from biencoder.retrieval import predictions
from biencoder.retrieval.embedding import Embeddings
from biencoder.retrieval.pools import retrieve
from biencoder.retrieval.ranking import metrics


def test_a_row_holds_what_was_retrieved_for_its_point(split, retrieved):
    leaked = np.arange(30) == 20
    table = predictions.table(split, retrieved, leaked)
    assert table.height == 30
    row = table.row(20, named=True)
    assert row["pair_id"] == "sport/running/pro/21"
    assert row["leaked"]
    assert row["point_words"] == 2
    assert len(row["candidates"]) == len(row["distances"]) == len(row["scores"]) == 10
    assert row["distances"] == sorted(row["distances"])
    assert row["candidates"][row["nearest_rank"] - 1] == "sport/running/pro/21/counter"


def test_the_rows_add_up_to_the_figures(split, retrieved):
    table = predictions.table(split, retrieved, np.zeros(30, dtype=bool))
    figures = metrics(retrieved.rankings["epa"])
    assert (table["rescored_rank"] == 1).sum() == figures["hits"]
    assert (table["nearest_rank"] == 1).mean() == pytest.approx(figures["nearest_top1"])
    assert table["rescored_rank"].is_not_null().mean() == pytest.approx(figures["recall_at_10"])
    assert ((table["nearest_rank"] <= 10) == table["rescored_rank"].is_not_null()).all()


def test_a_row_has_the_rank_by_the_pair_head_alone_too(split, model):
    torch.manual_seed(1)
    embeddings = Embeddings(torch.randn(60, 128), torch.randn(60, 6))
    retrieved = retrieve(split, embeddings, model(hubness_weight=0.7))
    table = predictions.table(split, retrieved, np.zeros(30, dtype=bool))
    ranking = retrieved.rankings["epa"]
    assert table["head_rank"].fill_null(0).to_list() == ranking.head_rank.tolist()
    assert table["rescored_rank"].fill_null(0).to_list() == ranking.rescored_rank.tolist()
    assert (ranking.head_rank != ranking.rescored_rank).any()
