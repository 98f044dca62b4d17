"""A program that uses both packages, as a user writes one: `make check` holds it to their types."""

from pathlib import Path
from typing import assert_type

import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import analysis
from analysis import AnalysisError, Log
from biencoder import Config, Hit, Result, Retriever, RunError, load, train


def answers(points: list[str]) -> list[list[Hit]]:
    """Train a model, and ask it."""
    config = Config(run_id="first", variant="without_relu", epochs=1, max_length=64)
    try:
        result = train(config)
    except RunError as error:
        raise SystemExit(str(error)) from None
    assert_type(result, Result)
    assert_type(result.top1, dict[str, float])
    retriever = load(result.checkpoint, corpus=Path("texts.csv"), device="cpu")
    assert_type(retriever, Retriever)
    assert_type(retriever.evaluate(split="test")[0].metrics, dict[str, float])
    assert_type(retriever.retrieve(points)[0][0].probability, float)
    return retriever.retrieve(points, top=3)


def picture() -> Figure:
    """Read logs, print what they say, and draw it."""
    try:
        log = analysis.read(["logs/reference/strong-*.jsonl"])
    except AnalysisError as error:
        raise SystemExit(str(error)) from None
    assert_type(log, Log)
    assert_type(analysis.summarise(log), pl.DataFrame)
    assert_type(analysis.effects(log), pl.DataFrame)
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert_type(analysis.plot_effects(log, "test", ax=left), Axes)
    assert_type(analysis.plot_curves(log, ax=right), Axes)
    analysis.plot_measure(log, "area")
    analysis.plot_loss(log, "with_layernorm")
    return figure
