"""A saved model in other hands: our commands, sentence-transformers, and a public IR tool."""

import io
import json
import os
import re
import signal
import sys
from dataclasses import replace
from functools import partial

import ir_measures
import numpy as np
import polars as pl
import pytest
import torch
from ir_measures import RR, P, R
from jobs import train
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

from biencoder.__main__ import main
from biencoder.config import Config
from biencoder.data import corpus
from biencoder.data.tokens import Tokens
from biencoder.retrieval import text_index
from biencoder.retrieval.embedding import embed
from biencoder.retrieval.pools import retrieve
from biencoder.retrieval.ranking import metrics
from biencoder.retrieval.retriever import Retriever


@pytest.fixture(scope="module", params=["mean", "cls", "pooler"])
def run(request, tiny_encoder, tmp_path_factory):
    """The config of a finished run, once for each pooling: LayerNorm off for one of them."""
    folder = tmp_path_factory.mktemp(request.param)
    config = Config(
        encoder=str(tiny_encoder),
        pooling=request.param,
        layernorm=request.param != "cls",
        max_length=24,
        epochs=1,
        run_id="run",
        log_dir=folder / "logs",
        checkpoint_dir=folder / "checkpoints",
        device="cpu",
    )
    train(config)
    return config


@pytest.fixture
def saved(run):
    return Retriever.load("run", run.checkpoint_dir, "cpu")


@pytest.fixture
def command(run, call):
    """A function that runs the `biencoder` program: (exit status, standard output, error)."""
    return partial(call, main)


def embeddings_of(saved, texts):
    return embed(saved.model, Tokens(texts, saved.tokenizer, 24), saved.device, "test")


def test_evaluate_prints_the_figures_of_the_run_without_training(run, command):
    status, printed, _ = command(
        "evaluate", "--checkpoint=run", f"--checkpoint_dir={run.checkpoint_dir}", "--split=test"
    )
    assert status == 0
    predictions = pl.read_parquet(run.log_dir / "run.predictions.parquet")
    test = predictions.filter(pl.col("split") == "test")
    top1 = (test["rescored_rank"] == 1).sum() / len(test)
    assert f"test: top1 {top1:.4f}  hits" in printed
    assert "validation" not in printed


def test_a_public_tool_computes_our_figures_from_the_trec_files(run, saved, command):
    folders = (f"--checkpoint_dir={run.checkpoint_dir}", f"--log_dir={run.log_dir}")
    assert command("evaluate", "--checkpoint=run", "--trec=True", *folders)[0] == 0
    data = corpus.load(None)
    for split in data.splits:
        embeddings = embeddings_of(saved, split.texts)
        ours = metrics(retrieve(split, embeddings, saved.model).rankings["epa"])
        folder = run.log_dir / "run.trec"
        theirs = ir_measures.calc_aggregate(
            [P @ 1, R @ 10, RR @ 10],
            list(ir_measures.read_trec_qrels(str(folder / f"{split.name}.qrels"))),
            list(ir_measures.read_trec_run(str(folder / f"{split.name}.run"))),
        )
        assert theirs[P @ 1] == ours["top1"]
        assert theirs[R @ 10] == ours["recall_at_10"]
        assert theirs[RR @ 10] == ours["mrr_at_10"]


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


def test_retrieve_prints_counter_arguments_with_both_scores(run, command):
    data = corpus.load(None)
    point = data.test.pairs["point"][0]
    status, printed, _ = command(
        "retrieve", "--checkpoint=run", f"--checkpoint_dir={run.checkpoint_dir}",
        f"--text={point}", "--top=3",
    )  # fmt: skip
    answers = [line for line in printed.splitlines() if line[0].isdigit()]
    assert status == 0
    assert [line[:15] for line in answers] == [f"{place}. probability "[:15] for place in (1, 2, 3)]
    probabilities = [float(line.split()[2].rstrip(",")) for line in answers]
    assert probabilities == sorted(probabilities, reverse=True)
    assert not any(f"{data.test.pair_ids[0]}/point" in line for line in answers)


def test_retrieve_passes_over_a_copy_of_the_point_whatever_its_white_space(run, command):
    data = corpus.load(None)
    point, name = data.test.pairs["point"][0], f"{data.test.pair_ids[0]}/point"
    printed = command(
        "retrieve", "--checkpoint=run", f"--checkpoint_dir={run.checkpoint_dir}",
        "--text=" + point.replace(" ", "\n  "), "--top=500",
    )[1]  # fmt: skip
    assert f"test/{data.test.pair_ids[1]}/point" in printed
    assert name not in printed


def test_retrieve_reads_standard_input_where_no_text_is_given(run, command, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("Trains should be free.\n"))
    status, printed, _ = command(
        "retrieve", "--checkpoint=run", f"--checkpoint_dir={run.checkpoint_dir}", "--top=12"
    )
    assert status == 0
    assert printed.splitlines()[-1].strip()
    assert "\n12. probability" in printed


def test_a_person_at_a_terminal_is_asked_for_one_text(command, monkeypatch):
    terminal = io.StringIO("\n\n")
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdin", terminal)
    status, _, printed = command("retrieve", "--checkpoint=x")
    assert status == 2
    assert printed.startswith("the point to counter, one text of any number of lines; Ctrl-D ends")


@pytest.fixture
def ask(run, command):
    """A function that runs `biencoder retrieve` or another of its commands on the run."""
    places = ("--checkpoint=run", f"--checkpoint_dir={run.checkpoint_dir}")
    return lambda *flags, name="retrieve": command(name, *places, *flags)


@pytest.fixture
def table(tmp_path):
    """A table of 20 texts to search."""
    rows = {"id": [f"t{n}" for n in range(20)], "text": corpus.load(None).test.texts[:20]}
    pl.DataFrame(rows).write_csv(tmp_path / "texts.csv")
    return tmp_path / "texts.csv"


def test_retrieve_embeds_a_corpus_the_first_time_alone(ask, table):
    flags = ("--text=Trains should be free.", f"--corpus={table}")
    first, second = ask(*flags), ask(*flags)
    assert "no index there; embedding 20 texts" in first[2]
    assert second[2] == ""
    assert first[1] == second[1]
    assert first[1].startswith("1. probability ")


def test_a_changed_corpus_is_embedded_again_and_its_texts_answer(ask, table):
    flags = ("--text=Trains should be free.", f"--corpus={table}", "--top=1")
    ask(*flags)
    table.write_text("id,text\nnew,Fares pay for the trains.\n")
    status, printed, said = ask(*flags)
    assert status == 0
    assert "made from other texts; embedding 1 texts" in said
    assert "  new\n" in printed


def test_an_index_by_name_needs_no_corpus_and_answers_as_the_corpus_does(ask, table, tmp_path):
    place = tmp_path / "index"
    made = ask(f"--corpus={table}", f"--out={place}", name="index")
    assert made[:2] == (0, f"{place}: an index of 20 distinct texts\n")
    by_corpus = ask("--text=Trains should be free.", f"--corpus={table}")[1]
    table.unlink()
    assert ask("--text=Trains should be free.", f"--index={place}")[1] == by_corpus


def test_an_index_that_does_not_fit_is_refused(ask, table, tmp_path):
    place = tmp_path / "index"
    ask(f"--corpus={table}", f"--out={place}", name="index")
    table.write_text("text\nFares pay for the trains.\n")
    asked = ("--text=Trains should be free.", f"--index={place}")
    assert ask(*asked, f"--corpus={table}") == (
        1,
        "",
        f"biencoder retrieve: {place}: made from other texts; biencoder index "
        f"--out={place} makes one there\n",
    )
    fields = (place / "index.json").read_text()
    (place / "index.json").write_text(fields.replace('"model": "', '"model": "0'))
    assert "made by another model" in ask(*asked)[2]
    (place / "index.json").write_text(fields.replace('"version": 1', '"version": 7'))
    assert "an index of version 7, where this program reads version 1" in ask(*asked)[2]
    assert "no index there" in ask(asked[0], f"--index={tmp_path / 'none'}")[2]


def test_many_questions_are_answered_by_a_line_each_in_order_as_alone(ask, table, tmp_path, saved):
    questions = ["Trains should be free.", "Books are dull.", "Ban cars."]
    rows = {"id": ["q3", "q1", "q2"], "text": questions}
    pl.DataFrame(rows).write_ndjson(tmp_path / "questions.jsonl")
    flags = (f"--corpus={table}", "--top=2", f"--queries={tmp_path / 'questions.jsonl'}")
    out = tmp_path / "new" / "answers.jsonl"
    status, printed, _ = ask(*flags, f"--out={out}")
    assert (status, printed) == (0, f"{out}: 3 answers\n")
    lines = out.read_text("utf-8").splitlines()
    assert ask(*flags)[1].splitlines() == lines
    answers = [json.loads(line) for line in lines]
    assert [(line["id"], line["text"]) for line in answers] == list(
        zip(*rows.values(), strict=True)
    )
    alone = replace(saved, source=table)
    for question, line in zip(questions, answers, strict=True):
        (hits,) = alone.retrieve([question], 2)
        assert [(hit["id"], hit["text"]) for hit in line["answers"]] == [
            (h.id, h.text) for h in hits
        ]
        for name in ("probability", "distance"):
            expected = [getattr(hit, name) for hit in hits]
            assert [hit[name] for hit in line["answers"]] == pytest.approx(expected, abs=1e-4)


def test_questions_are_read_from_standard_input(ask, table, monkeypatch):
    monkeypatch.setattr(
        sys, "stdin", io.StringIO('{"text": "Ban\u2028cars."}\n\n{"text": "Go."}\n')
    )
    printed = ask("--queries=-", f"--corpus={table}", "--top=1")[1]
    assert [json.loads(line)["id"] for line in printed.split("\n")[:-1]] == ["1", "2"]


def test_answers_are_those_of_a_plain_computation(saved, table):
    """Embed everything, measure every distance, score the ten nearest."""
    question = "Trains should be free."
    texts = pl.read_csv(table)["text"].to_list()
    found = embeddings_of(saved, [question, *texts])
    near = torch.linalg.vector_norm(found.sim[1:] - found.sim[0], dim=1).argsort()[:10]
    scores = saved.model.pair_score(
        found.sim[0], found.h[0], found.sim[1 + near], found.h[1 + near]
    )
    best_first = near[scores.argsort(descending=True)][:4]
    (hits,) = replace(saved, source=table).retrieve([question], 4)
    assert [hit.text for hit in hits] == [texts[row] for row in best_first]
    best = torch.sigmoid(scores.sort(descending=True).values[:4])
    assert [hit.probability for hit in hits] == pytest.approx(best.tolist(), abs=1e-4)


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


def test_beside_a_checkpoint_for_reading_alone_the_index_lies_in_the_users_cache(
    ask, table, tmp_path, monkeypatch, run
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    flags = ("--text=Trains should be free.", f"--corpus={table}")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert f"{tmp_path}/cache/counterargument-biencoder/indexes/texts-" in ask(*flags)[2]
    assert ask(*flags)[2] == ""
    monkeypatch.undo()
    beside = ask(*flags)[2]
    assert f"{run.checkpoint_dir}/run/indexes/texts-" in beside
    monkeypatch.setattr(os, "access", lambda *_: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    assert ask(*flags)[2] == ""


def test_a_signal_while_indexing_leaves_no_file_and_its_own_status(
    ask, table, tmp_path, monkeypatch
):
    def interrupted(*_):
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(text_index, "_write_vectors", interrupted)
    place = tmp_path / "indexes" / "index"
    status, _, said = ask(f"--corpus={table}", f"--out={place}", name="index")
    assert status == 143
    assert said.endswith("biencoder: interrupted by SIGTERM\n")
    assert [path.name for path in place.parent.iterdir()] == [".index.lock"]


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        ([], 2, ""),
        (["evalute"], 2, "'evalute': no such command; did you mean evaluate?"),
        (["evaluate"], 2, "--checkpoint is needed: Run id"),
        (["evaluate", "--checkpoint=nothing"], 1, "nothing: no checkpoint there"),
        (["evaluate", "--checkpoint=x", "--split=tets"], 2, "did you mean test?"),
        (["retrieve", "--checkpoint=x", "--text= "], 2, "--text: there is no point to counter"),
        (
            ["retrieve", "--checkpoint=x", "--text=\u200b"],
            2,
            "--text: there is no point to counter",
        ),
        (
            ["retrieve", "--checkpoint=x", "--text=a", "--queries=b"],
            2,
            "--text and --queries: give one",
        ),
        (["retrieve", "--checkpoint=x", "--queries=none.csv"], 1, "none.csv: cannot be read"),
        (["index", "--checkpoint=nothing"], 1, "nothing: no checkpoint there"),
        (["retrieve", "--checkpoint=x", "--top=0"], 2, "--top=0: must be greater than or equal"),
    ],
)
def test_a_wrong_use_is_one_line(command, arguments, status, line):
    code, _, printed = command(*arguments)
    assert code == status
    assert line in printed
    assert printed.count("\n") <= 1
