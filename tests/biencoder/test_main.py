"""The commands that use a saved model: what is typed, printed and written."""

import io
import json
import os
import signal
import sys
from dataclasses import replace
from functools import partial

import ir_measures
import polars as pl
import pytest
from ir_measures import RR, P, R
from jobs import finished_run

from biencoder.__main__ import main
from biencoder.data import corpus
from biencoder.errors import CorpusError
from biencoder.retrieval import text_index
from biencoder.retrieval.retriever import Retriever


@pytest.fixture(scope="module")
def run(tiny_encoder, tmp_path_factory):
    """The config of a finished run."""
    return finished_run(tmp_path_factory.mktemp("run"), tiny_encoder)


@pytest.fixture
def saved(run):
    return Retriever.load("run", run.checkpoint_dir, "cpu")


@pytest.fixture
def command(run, call):
    """A function that runs the `biencoder` program: (exit status, standard output, error)."""
    return partial(call, main)


@pytest.fixture
def ask(run, command):
    """A function that runs `biencoder retrieve` or another of its commands on the run."""
    places = ("--checkpoint=run", f"--checkpoint_dir={run.checkpoint_dir}")
    return lambda *flags, name="retrieve": command(name, *places, *flags)


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


def test_evaluate_says_where_the_corpus_is_no_longer_the_one_of_training(run, saved, capsys):
    assert saved.state.corpus == corpus.load(None).digest
    saved.evaluate(split="test")
    assert "trained on" not in capsys.readouterr().err
    former = replace(saved, state=saved.state.model_copy(update={"corpus": "0" * 16}))
    former.evaluate(split="test")
    said = capsys.readouterr().err
    assert "the sample corpus: not the pairs that the model was trained on" in said


def test_evaluate_says_how_a_table_was_read_and_where_that_of_training_has_changed(
    saved, tmp_path, capsys
):
    rows = [(f"Claim {n}.", f"Reply {n}.", "attack" if n < 30 else "support") for n in range(40)]
    path = tmp_path / "pairs.csv"
    pl.DataFrame(rows, schema=["claim", "reply", "relation"], orient="row").write_csv(path)
    saved.evaluate(path, "test")
    said = capsys.readouterr().err
    assert "passed over: " in said
    assert "trained on" not in said  # another corpus than the model's
    config = saved.state.config.model_copy(update={"data_dir": path})
    state = saved.state.model_copy(update={"config": config, "corpus": "0" * 16})
    trained = replace(saved, state=state)
    trained.evaluate(path, "test")
    assert "pairs.csv: not the pairs that the model was trained on" in capsys.readouterr().err
    path.unlink()
    with pytest.raises(CorpusError, match="the corpus that run was trained on is not there"):
        trained.evaluate(split="test")


def test_a_public_tool_computes_our_figures_from_the_trec_files(run, saved, command):
    folders = (f"--checkpoint_dir={run.checkpoint_dir}", f"--log_dir={run.log_dir}")
    assert command("evaluate", "--checkpoint=run", "--trec=True", *folders)[0] == 0
    folder = run.log_dir / "run.trec" / corpus.load(None).digest  # another corpus has its own
    for ours in saved.evaluate():
        theirs = ir_measures.calc_aggregate(
            [P @ 1, R @ 10, RR @ 10],
            list(ir_measures.read_trec_qrels(str(folder / f"{ours.split}.qrels"))),
            list(ir_measures.read_trec_run(str(folder / f"{ours.split}.run"))),
        )
        assert theirs[P @ 1] == ours.metrics["top1"]
        assert theirs[R @ 10] == ours.metrics["recall_at_10"]
        assert theirs[RR @ 10] == ours.metrics["mrr_at_10"]


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
        f"biencoder retrieve: {place}: made from other texts; "
        "make one by biencoder index, with the same --checkpoint and --corpus and "
        "--out=NEW_FOLDER\n",
    )
    fields = (place / "index.json").read_text()
    (place / "index.json").write_text(fields.replace('"model": "', '"model": "0'))
    assert "made by another model" in ask(*asked)[2]
    (place / "index.json").write_text(fields.replace('"version": 2', '"version": 7'))
    assert "an index of version 7, where this program reads version 2" in ask(*asked)[2]
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


def test_questions_in_blocks_are_answered_as_together(ask, table, monkeypatch):
    questions = '{"text": "a"}\n{"text": "b"}\n{"text": "c"}\n'

    def answers():
        monkeypatch.setattr(sys, "stdin", io.StringIO(questions))
        printed = ask("--queries=-", f"--corpus={table}")[1]
        return [json.loads(line) for line in printed.splitlines()]

    together = answers()
    monkeypatch.setattr("biencoder.__main__.QUESTIONS_AT_A_TIME", 2)
    assert [line["id"] for line in answers()] == ["1", "2", "3"]
    assert [line["answers"][0]["id"] for line in answers()] == [
        line["answers"][0]["id"] for line in together
    ]


def test_the_working_folder_may_become_an_index(ask, table, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert ask(f"--corpus={table}", "--out=.", name="index")[0] == 0
    assert (tmp_path / "empty" / "index.json").exists()


def test_where_no_home_is_known_the_folder_of_the_index_is_asked_for(ask, table, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)

    def unknown():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr("pathlib.Path.home", unknown)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    other = table.with_name("other.csv")
    other.write_text("text\nNo index has these words.\n")
    status, _, said = ask("--text=a", f"--corpus={other}")
    assert (status, "HOME is not set" in said) == (1, True)


def test_a_file_that_exists_is_not_written_over(ask, table):
    before = table.read_text()
    _, printed, said = ask(f"--queries={table}", f"--out={table}")
    assert f"--out={table}: exists already; remove it, or write elsewhere" in said
    assert (table.read_text(), printed) == (before, "")


def test_standard_input_is_utf8_whatever_the_locale_says(ask, table, monkeypatch):
    typed = io.BytesIO('\ufeff{"text": "Straße?"}\n'.encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(typed, encoding="latin-1"))
    printed = ask("--queries=-", f"--corpus={table}", "--top=1")[1]
    assert json.loads(printed)["text"] == "Straße?"


def test_questions_are_read_from_standard_input(ask, table, monkeypatch):
    monkeypatch.setattr(
        sys, "stdin", io.StringIO('{"text": "Ban\u2028cars."}\n\n{"text": "Go."}\n')
    )
    printed = ask("--queries=-", f"--corpus={table}", "--top=1")[1]
    assert [json.loads(line)["id"] for line in printed.split("\n")[:-1]] == ["1", "2"]


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
        (
            ["retrieve", "--checkpoint=x", "--text=a", "--index=i", "--columns=point=a"],
            2,
            "--columns is for a --corpus",
        ),
        (["evaluate", "--checkpoint=x", "--log_dir=there"], 2, "--log_dir is for TREC files"),
    ],
)
def test_a_wrong_use_is_one_line(command, arguments, status, line):
    code, _, printed = command(*arguments)
    assert code == status
    assert line in printed
    assert printed.count("\n") <= 1
