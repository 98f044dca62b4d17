import numpy as np
import polars as pl
import pytest
import torch
from handmade import make_split

from biencoder import predictions
from biencoder.embedding import Embeddings
from biencoder.evaluation import metrics
from biencoder.pools import retrieve


@pytest.fixture
def split():
    return make_split([(f"point {number}", f"counter {number}") for number in range(30)], "test")


@pytest.fixture
def retrieved(split, model):
    torch.manual_seed(1)
    return retrieve(split, Embeddings(torch.randn(60, 128), torch.randn(60, 6)), model())


def test_a_row_holds_what_was_retrieved_for_its_point(split, retrieved):
    leaked = np.arange(30) == 7
    table = predictions.table(split, retrieved, leaked)
    assert table.height == 30
    row = table.row(7, named=True)
    assert row["pair_id"] == "sport/running/pro/08"
    assert row["leaked"]
    assert row["point_words"] == 2
    assert len(row["candidates"]) == len(row["distances"]) == len(row["scores"]) == 10
    assert row["distances"] == sorted(row["distances"])
    place = row["nearest_rank"]
    if place <= 10:
        assert row["candidates"][place - 1] == "sport/running/pro/08/counter"


def test_the_rows_add_up_to_the_figures(split, retrieved):
    table = predictions.table(split, retrieved, np.zeros(30, dtype=bool))
    figures = metrics(retrieved.rankings["epa"])
    assert (table["rescored_rank"] == 1).sum() == figures["hits"]
    assert (table["nearest_rank"] == 1).mean() == pytest.approx(figures["nearest_top1"])
    assert table["rescored_rank"].is_not_null().mean() == pytest.approx(figures["recall_at_10"])
    assert ((table["nearest_rank"] <= 10) == table["rescored_rank"].is_not_null()).all()


def test_the_parquet_file_gives_the_tables_back(split, retrieved, tmp_path):
    table = predictions.table(split, retrieved, np.zeros(30, dtype=bool))
    predictions.write_parquet([table, table], tmp_path / "r.predictions.parquet")
    assert pl.read_parquet(tmp_path / "r.predictions.parquet").equals(pl.concat([table, table]))


def test_trec_files_give_the_same_figures_to_a_reader_of_their_own(split, retrieved, tmp_path):
    table = predictions.table(split, retrieved, np.zeros(30, dtype=bool))
    predictions.write_trec(table, "run1", tmp_path)
    gold = {
        line.split()[0]: line.split()[2]
        for line in (tmp_path / "test.qrels").read_text().splitlines()
    }
    ranked = {}
    for line in (tmp_path / "test.run").read_text().splitlines():
        query, _, candidate, _, score, _ = line.split()
        ranked.setdefault(query, []).append((-float(score), candidate))
    hits = sum(sorted(ranked[query])[0][1] == gold[query] for query in gold)
    assert hits == metrics(retrieved.rankings["epa"])["hits"]


def test_names_with_white_space_stay_one_word_in_trec_files(tmp_path, model):
    split = make_split([("p1", "c1"), ("p2", "c2")])
    split.pairs["title"] = "a debate with spaces"
    retrieved = retrieve(split, Embeddings(torch.randn(4, 128), torch.randn(4, 6)), model())
    predictions.write_trec(predictions.table(split, retrieved, np.zeros(2, bool)), "r", tmp_path)
    assert all(
        len(line.split()) == 6 for line in (tmp_path / "training.run").read_text().splitlines()
    )
    assert all(
        len(line.split()) == 4 for line in (tmp_path / "training.qrels").read_text().splitlines()
    )
