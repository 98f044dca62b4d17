import numpy as np
import pytest

from biencoder.retrieval import predictions
from biencoder.retrieval.ranking import metrics


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
    assert (table["head_rank"] == 1).sum() / 30 == pytest.approx(figures["head_top1"])
    assert (table["nearest_rank"] == 1).mean() == pytest.approx(figures["nearest_top1"])
    assert table["rescored_rank"].is_not_null().mean() == pytest.approx(figures["recall_at_10"])
    assert (table["head_rank"].is_null() == table["rescored_rank"].is_null()).all()
    assert ((table["nearest_rank"] <= 10) == table["rescored_rank"].is_not_null()).all()
