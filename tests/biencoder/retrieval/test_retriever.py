"""A saved model in other hands: the retriever's, sentence-transformers' and the model card's."""

import re
import sys
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from jobs import finished_run
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

from biencoder.data import corpus
from biencoder.data.tokens import Tokens
from biencoder.retrieval.embedding import Embeddings, embed
from biencoder.retrieval.pools import retrieve
from biencoder.retrieval.ranking import metrics
from biencoder.retrieval.retriever import Retriever
from biencoder.retrieval.scoring import hubness_of


@pytest.fixture(scope="module", params=["mean", "cls", "pooler"])
def run(request, tiny_encoder, tmp_path_factory):
    """The config of a finished run, once for each pooling: LayerNorm off for one of them.

    In float32, as the exported model computes, whatever this machine would choose.
    """
    folder = tmp_path_factory.mktemp(request.param)
    flags = {"pooling": request.param, "layernorm": request.param != "cls", "precision": "float32"}
    return finished_run(folder, tiny_encoder, **flags)


@pytest.fixture
def saved(run):
    return Retriever.load("run", run.checkpoint_dir, "cpu")


def embeddings_of(saved, texts):
    return embed(saved.model, Tokens(texts, saved.tokenizer, 24), saved.device, "test")


def test_sentence_transformers_loads_the_export_and_gives_our_embeddings(run, saved):
    exported = SentenceTransformer(
        str(run.checkpoint_dir / "run" / "sentence-transformers"), device="cpu"
    )
    texts = corpus.load(None).test.texts
    ours = embeddings_of(saved, texts).sim
    np.testing.assert_allclose(exported.encode(texts), ours, atol=1e-5)
    assert exported.similarity_fn_name == "euclidean"


def test_its_retrieval_evaluator_agrees_with_our_nearest_figure(run, saved):
    """On validation's `epc` pool, where all candidates are counters."""
    validation = corpus.load(None).validation
    exported = SentenceTransformer(
        str(run.checkpoint_dir / "run" / "sentence-transformers"), device="cpu"
    )
    evaluator = InformationRetrievalEvaluator(
        queries=dict(zip(validation.pair_ids, validation.pairs["point"], strict=True)),
        corpus=dict(zip(validation.pair_ids, validation.pairs["counter"], strict=True)),
        relevant_docs={name: {name} for name in validation.pair_ids},
        accuracy_at_k=[1],
        show_progress_bar=False,
        write_csv=False,
    )
    theirs = evaluator(exported)["euclidean_accuracy@1"]
    embeddings = embeddings_of(saved, validation.texts)
    ours = metrics(retrieve(validation, embeddings, saved.model).rankings["epc"])
    assert theirs == pytest.approx(ours["nearest_top1"])


def test_the_export_has_no_weights_that_nobody_trained(run):
    """Loaded, a pooler that the folder does not hold would be random, and reported as missing."""
    folder = run.checkpoint_dir / "run" / "sentence-transformers"
    names = SentenceTransformer(str(folder), device="cpu")[0].state_dict()
    assert any("pooler" in name for name in names) == (run.pooling == "pooler")


def test_the_program_of_the_model_card_finds_and_scores_as_we_do(run, saved, monkeypatch, capsys):
    folder = run.checkpoint_dir / "run" / "sentence-transformers"
    card = (folder / "README.md").read_text("utf-8")
    (program,) = re.findall(r"^```python\n(.*?)^```$", card, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "rescore", raising=False)
    names = {}
    exec(program, names)  # noqa: S102 - our own
    assert len(capsys.readouterr().out.splitlines()) == len(names["texts"])
    ours = embeddings_of(saved, [names["point"], *names["texts"]])
    distances = torch.linalg.vector_norm(ours.sim[1:] - ours.sim[0], dim=1)
    torch.testing.assert_close(names["distances"], distances, atol=1e-4, rtol=1e-4)
    near = 1 + names["nearest"]
    scores = saved.model.pair_score(ours.sim[0], ours.h[0], ours.sim[near], ours.h[near])
    torch.testing.assert_close(names["log_odds"], scores, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("weight", [0.0, 0.7])
def test_answers_are_those_of_a_plain_computation(saved, table, weight, monkeypatch):
    """Embed everything, measure every distance, score the ten nearest."""
    monkeypatch.setattr(saved.model, "hubness_weight", weight)
    question = "Trains should be free."
    texts = pl.read_csv(table)["text"].to_list()
    found = embeddings_of(saved, [question, *texts])
    near = torch.linalg.vector_norm(found.sim[1:] - found.sim[0], dim=1).argsort()[:10]
    scores = saved.model.pair_score(
        found.sim[0], found.h[0], found.sim[1 + near], found.h[1 + near]
    )
    hubness = hubness_of(Embeddings(found.sim[1:], found.h[1:]), saved.model)
    scores -= torch.from_numpy(hubness)[near]
    best_first = near[scores.argsort(descending=True)][:4]
    hits, again = replace(saved, source=table).retrieve(2 * [question], 4)
    assert [hit.text for hit in hits] == [texts[row] for row in best_first]
    best = torch.sigmoid(scores.sort(descending=True).values[:4])
    assert [hit.probability for hit in hits] == pytest.approx(best.tolist(), abs=1e-4)
    assert hits == again


def test_fewer_texts_than_asked_for_are_all_there(saved, table):
    texts = pl.read_csv(table)["text"].to_list()
    (hits,) = replace(saved, source=table).retrieve([texts[0]], 50)
    assert sorted(hit.text for hit in hits) == sorted(texts[1:])


def test_one_text_in_the_place_of_a_list_is_no_list_of_letters(saved):
    with pytest.raises(TypeError, match=r"write \[text\]"):
        saved.retrieve("Trains should be free.")


def test_a_split_that_there_is_not_is_answered_by_those_there_are(saved):
    with pytest.raises(ValueError, match="split='tets': must be one of training, validation, test"):
        saved.evaluate(split="tets")


def test_nothing_asked_is_nothing_answered(saved):
    assert saved.retrieve([]) == []
    with pytest.raises(ValueError, match="top=0: must be 1 or more"):
        saved.retrieve(["Ban cars."], top=0)
