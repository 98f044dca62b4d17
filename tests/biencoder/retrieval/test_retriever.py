"""A saved model in other hands: our commands, sentence-transformers, and a public IR tool."""

import io
import re
import sys

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
def command(run, monkeypatch, capsys):
    """A function that runs the `biencoder` program: (exit status, standard output, error)."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["biencoder", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        return exit_.value.code or 0, *capsys.readouterr()

    return call


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


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        ([], 2, ""),
        (["evalute"], 2, "'evalute': no such command; did you mean evaluate?"),
        (["evaluate"], 2, "--checkpoint is needed: Run id"),
        (["evaluate", "--checkpoint=nothing"], 1, "nothing: no checkpoint there"),
        (["evaluate", "--checkpoint=x", "--split=tets"], 2, "did you mean test?"),
        (["retrieve", "--checkpoint=x", "--text= "], 2, "--text: there is no point to counter"),
        (["retrieve", "--checkpoint=x", "--top=0"], 2, "--top=0: must be greater than or equal"),
    ],
)
def test_a_wrong_use_is_one_line(command, arguments, status, line):
    code, _, printed = command(*arguments)
    assert code == status
    assert line in printed
    assert printed.count("\n") <= 1
