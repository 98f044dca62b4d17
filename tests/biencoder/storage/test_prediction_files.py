import numpy as np
import polars as pl
import torch
from handmade import make_split

from biencoder.retrieval import predictions
from biencoder.retrieval.embedding import Embeddings
from biencoder.retrieval.pools import retrieve
from biencoder.retrieval.ranking import metrics
from biencoder.storage.prediction_files import write_parquet, write_trec


def test_the_parquet_file_gives_the_tables_back(split, retrieved, tmp_path):
    table = predictions.table(split, retrieved, np.zeros(30, dtype=bool))
    write_parquet([table, table], tmp_path / "r.predictions.parquet")
    assert pl.read_parquet(tmp_path / "r.predictions.parquet").equals(pl.concat([table, table]))


def test_trec_files_give_the_same_figures_to_a_reader_of_their_own(split, retrieved, tmp_path):
    table = predictions.table(split, retrieved, np.zeros(30, dtype=bool))
    write_trec(table, "run1", tmp_path)
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
    write_trec(predictions.table(split, retrieved, np.zeros(2, bool)), "r", tmp_path)
    assert all(
        len(line.split()) == 6 for line in (tmp_path / "training.run").read_text().splitlines()
    )
    assert all(
        len(line.split()) == 4 for line in (tmp_path / "training.qrels").read_text().splitlines()
    )
