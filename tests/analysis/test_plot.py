import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis import diagnosis, plot, summary
from analysis.plot import Style
from analysis.readers import logs
from analysis.schema import Log

ROOT = Path(__file__).parents[2]

BLUE = Style("#0072B2", "-", "o")
CURVE = {
    "training": [0.1, 0.5, 0.7, 0.8],
    "validation": [0.0, 0.3, 0.4, 0.3],
    "test": [0.0, 0.5, 0.3, 0.35],
}

#: A run whose log does not say how many points of each pool were hit: any predictions fit it.
INTERRUPTED = {"status": "interrupted"}


@pytest.fixture
def read(tmp_path: Path, runlog_text: Callable[..., str]) -> Callable[..., Log]:
    """`read(run, …)`: each a dict of arguments of `runlog_text`; written, and read as one Log."""

    def build(*runs: dict[str, Any]) -> Log:
        for number, run in enumerate(runs):
            arguments = {"run_id": f"r{number}", "top1": CURVE, **run}
            (tmp_path / f"r{number}.jsonl").write_text(runlog_text(**arguments), encoding="utf-8")
        return logs.read([tmp_path])

    return build


@pytest.fixture
def answered(tmp_path: Path, predicted: Callable[..., pl.DataFrame]) -> Callable[..., None]:
    """`answered(domain, …)`: predictions beside runs r0 and r1, a point for each name of a domain.

    r0 answers all but the first, r1 none.
    """

    def build(*domains: str) -> None:
        pairs = [f"{domain}/tax/pro/{number}" for number, domain in enumerate(domains)]
        wrong = {pair: f"{pairs[0]}/point" for pair in pairs}
        for run, given in (("r0", wrong | dict.fromkeys(pairs[1:])), ("r1", wrong)):
            predicted(given).write_parquet(tmp_path / f"{run}.predictions.parquet")

    return build


def line(ax: Axes, label: str) -> Line2D:
    found = [line for line in ax.get_lines() if line.get_label() == label]
    assert len(found) == 1
    return found[0]


def points(ax: Axes, label: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in line(ax, label).get_xydata()]


def scaled(factor: float) -> dict[str, list[float]]:
    return {split: [factor * value for value in values] for split, values in CURVE.items()}


def all_axes(figure: Figure) -> list[Axes]:
    return [ax for block in figure.subfigs for ax in block.axes]


def texts(figure: Figure) -> str:
    """Headings, legends and titles of a figure."""
    blocks = [text.get_text() for block in figure.subfigs for text in block.texts]
    blocks += [t.get_text() for b in figure.subfigs for g in b.legends for t in g.get_texts()]
    return "\n".join(blocks + [ax.get_title(loc="left") for ax in all_axes(figure)])


def test_a_run_is_drawn_as_three_lines_with_its_best_epoch_marked() -> None:
    ax = plot.plot_run(pl.DataFrame({"epoch": [0, 1, 2, 3], **CURVE}), BLUE)
    for split, values in CURVE.items():
        assert points(ax, split) == list(enumerate(values))
    assert points(ax, "best validation") == [(2, 0.4)]
    assert to_hex(line(ax, "validation").get_color()) == BLUE.color.lower()
    looks = {line(ax, split).get_linestyle() for split in CURVE}
    assert len(looks) == 3  # told apart without colour


def test_the_axes_that_are_given_are_drawn_on_and_returned() -> None:
    ax = Figure().subplots()
    curve = pl.DataFrame({"epoch": [0, 1, 2, 3], **CURVE})
    assert plot.plot_run(curve, BLUE, ax) is ax
    assert ax.get_lines()


def test_smoothing_leaves_the_raw_line_behind_and_only_comes_on_request() -> None:
    curve = pl.DataFrame({"epoch": [0, 1, 2, 3], **CURVE})
    assert not [x for x in plot.plot_run(curve, BLUE).get_lines() if "raw" in str(x.get_label())]
    ax = plot.plot_run(curve, BLUE, smooth=3)
    assert points(ax, "_raw validation") == list(enumerate(CURVE["validation"]))
    means = [y for _, y in points(ax, "validation")]
    assert means == pytest.approx([0.15, 0.7 / 3, 1 / 3, 0.35])
    order = [str(x.get_label()) for x in ax.get_lines()]
    assert order.index("_raw validation") < order.index("validation")


def test_a_run_without_validation_is_drawn_without_a_star() -> None:
    curve = pl.DataFrame({"epoch": [0, 1], "training": [0.1, 0.2], "test": [0.1, 0.3]})
    curve = curve.with_columns(validation=pl.lit(None, pl.Float64))
    ax = plot.plot_run(curve, BLUE)
    assert points(ax, "test") == [(0, 0.1), (1, 0.3)]
    assert "best validation" not in ax.get_legend_handles_labels()[1]


def test_a_band_spans_the_seeds_around_their_mean(read: Callable[..., Log]) -> None:
    log = read({"seed": 0}, {"seed": 1, "top1": scaled(0.5)})
    band = plot.bands(summary.curves(log.metrics), summary.measure(log).runs)
    row = band.filter(pl.col("split") == "validation", pl.col("epoch") == 2).row(0, named=True)
    assert (row["value"], row["low"], row["high"], row["runs"]) == pytest.approx((0.3, 0.2, 0.4, 2))


def test_the_band_of_a_single_run_is_wilsons_interval(read: Callable[..., Log]) -> None:
    tables = summary.measure(log := read({}))
    band = plot.bands(summary.curves(log.metrics), tables.runs)
    row = band.filter(pl.col("split") == "validation", pl.col("epoch") == 2).row(0, named=True)
    best = tables.configurations.row(0, named=True)
    assert (row["low"], row["high"]) == (best["best_validation_low"], best["best_validation_high"])


def test_a_mean_over_seeds_ends_where_the_first_of_them_ends(read: Callable[..., Log]) -> None:
    short = {split: values[:2] for split, values in CURVE.items()}
    config = {"epochs": 3}
    log = read({"seed": 0, "config": config}, {"seed": 1, "top1": short, "config": config})
    band = plot.bands(summary.curves(log.metrics), summary.measure(log).runs)
    assert band["epoch"].max() == 1


def test_the_comparison_has_a_line_and_a_band_for_each_configuration() -> None:
    band = pl.DataFrame(
        {
            "configuration": ["a", "a", "b", "b"],
            "epoch": [0, 1, 0, 1],
            "value": [0.1, 0.2, 0.3, 0.4],
            "low": [0.05, 0.1, 0.2, None],
            "high": [0.15, 0.3, 0.4, None],
        }
    )
    looks = {"a": BLUE, "b": Style("#E69F00", ":", "s")}
    ax = plot.plot_comparison(band, looks)
    assert points(ax, "a") == [(0, 0.1), (1, 0.2)]
    assert points(ax, "b") == [(0, 0.3), (1, 0.4)]
    assert line(ax, "b").get_marker() == "s"
    shapes = [shape.get_paths()[0].vertices for shape in ax.collections]
    assert (shapes[0][:, 1].min(), shapes[0][:, 1].max()) == (0.05, 0.3)
    assert set(shapes[1][:, 0]) == {0}  # where there is no interval there is no band


def test_a_measure_is_drawn_with_its_interval_and_its_runs(read: Callable[..., Log]) -> None:
    tables = summary.measure(read({"seed": 0}, {"seed": 1, "top1": scaled(0.5)}))
    looks = plot.styles(tables.configurations)
    ax = plot.plot_measure(tables.configurations, tables.runs, "best_validation", looks)
    assert points(ax, "with_layernorm") == [(pytest.approx(0.3), 0)]
    row = tables.configurations.row(0, named=True)
    ends = ax.collections[0].get_segments()[0][:, 0]
    assert list(ends) == [row["best_validation_low"], row["best_validation_high"]]
    dots = [x for x in ax.get_lines() if x.get_marker() == "."]
    assert list(dots[0].get_xdata()) == [0.4, 0.2]
    assert [text.get_text() for text in ax.texts] == ["30.0 %"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["with_layernorm"]


def test_epochs_are_drawn_from_zero_and_the_slowest_is_not_cut_off(
    read: Callable[..., Log],
) -> None:
    tables = summary.measure(read({}))
    looks = plot.styles(tables.configurations)
    ax = plot.plot_measure(tables.configurations, tables.runs, "epochs_to_95", looks)
    low, high = ax.get_xlim()
    assert low == 0
    assert points(ax, "with_layernorm") == [(2, 0)]
    assert high > 2 * 1.05


def test_a_tick_of_a_share_has_the_decimals_that_it_needs() -> None:
    ax = plot.plot_run(pl.DataFrame({"epoch": [0, 1, 2, 3], **CURVE}), BLUE)
    ticks = [ax.yaxis.get_major_formatter()(share) for share in (0.0, 0.375, 0.4, 1.0)]
    assert ticks == ["0 %", "37.5 %", "40 %", "100 %"]


def test_a_smoothed_picture_says_so(read: Callable[..., Log]) -> None:
    tables = summary.measure(log := read({}))
    assert "means of 5 evaluations" in texts(plot.pictures(log, tables, smooth=5)["comparison"])
    assert "means of" not in texts(plot.pictures(log, tables)["comparison"])


def test_configurations_that_share_axes_never_share_a_colour(read: Callable[..., Log]) -> None:
    runs = [{"relu": relu, "config": {"lr": lr}} for lr in range(6) for relu in (True, False)]
    tables = summary.measure(log := read(*runs))
    for ax in all_axes(plot.pictures(log, tables)["comparison"]):
        lines = [line for line in ax.get_lines() if not str(line.get_label()).startswith("_")]
        assert len(lines) == len({to_hex(line.get_color()) for line in lines}) == 7


def test_the_names_of_rows_keep_a_margin_from_the_edge_of_the_picture() -> None:
    log = logs.read([ROOT / "logs" / "reference" / "context"])
    figure = plot.pictures(log, summary.measure(log))["convergence"]
    FigureCanvasAgg(figure).draw()
    names = figure.axes[0].get_yticklabels()
    assert any("…" in name.get_text() for name in names)  # some are too long
    assert min(name.get_window_extent().x0 for name in names) > 0.2 * figure.dpi


def test_the_longest_name_of_a_legacy_variant_is_shown_whole(tmp_path: Path) -> None:
    published = ROOT / "logs" / "reference" / "with_layernorm_relu_logs.txt"
    (tmp_path / "without_layernorm_relu_logs.txt").write_bytes(published.read_bytes())
    log = logs.read([tmp_path])
    figure = plot.pictures(log, summary.measure(log))["convergence"]
    (name,) = figure.axes[0].get_yticklabels()
    assert name.get_text() == "without_layernorm_relu (legacy)"


def test_a_measure_without_figure_says_so(read: Callable[..., Log]) -> None:
    log = read({})
    log = Log(log.runs, log.metrics.filter(pl.col("split") != "test"), log.rejected, log.warnings)
    tables = summary.measure(log)
    looks = plot.styles(tables.configurations)
    ax = plot.plot_measure(tables.configurations, tables.runs, "test_at_best", looks)
    assert [text.get_text() for text in ax.texts] == ["no figure"]


def test_the_loss_keeps_every_spike_in_its_band(read: Callable[..., Log]) -> None:
    log = read({"steps": range(1, 301)})
    spike = (pl.col("metric") == "loss") & (pl.col("step") == 137)
    metrics = log.metrics.with_columns(value=pl.when(spike).then(99.0).otherwise("value"))
    loss = plot.losses(metrics, summary.measure(log).runs).filter(pl.col("metric") == "loss")
    assert loss.height <= plot.LOSS_POINTS
    assert loss["high"].max() == 99
    ax = plot.plot_loss(loss, BLUE)
    assert ax.collections[0].get_paths()[0].vertices[:, 1].max() == 99


def test_the_loss_is_drawn_with_its_parts_and_the_share_of_hard_negatives(
    read: Callable[..., Log],
) -> None:
    tables = summary.measure(log := read({}))
    ax = plot.plot_loss(plot.losses(log.metrics, tables.runs), BLUE)
    labels = ["loss", "triplet", "positive pairs", "negative pairs"]
    assert ax.get_legend_handles_labels()[1] == labels
    assert [y for _, y in points(ax, "loss")] == pytest.approx([2, 2, 1, 1, 2 / 3, 2 / 3])
    strip = plot.plot_hard_ratio(plot.hard_ratios(log.metrics, tables.runs), BLUE)
    assert points(strip, "hard_ratio") == [(0, 0.8), (1, 0.7), (2, 0.6), (3, 0.6)]


def test_a_share_of_hard_negatives_that_was_not_logged_is_said_to_be_missing() -> None:
    nothing = pl.DataFrame(schema={"epoch": pl.Int32, "value": pl.Float64})
    strip = plot.plot_hard_ratio(nothing, BLUE)
    assert [text.get_text() for text in strip.texts] == ["not logged"]


def test_a_configuration_has_one_colour_in_every_picture(read: Callable[..., Log]) -> None:
    log = read({}, {"relu": True})
    pictures = plot.pictures(log, summary.measure(log))
    for panel in all_axes(pictures["comparison"]):
        assert to_hex(line(panel, "with_layernorm").get_color()) == "#e69f00"
        assert to_hex(line(panel, "with_layernorm_relu").get_color()) == "#0072b2"
    for panel in all_axes(pictures["convergence"]):
        assert to_hex(line(panel, "with_layernorm").get_color()) == "#e69f00"
    titles = {
        ax.get_title(loc="left"): ax for name in ("runs", "loss") for ax in all_axes(pictures[name])
    }
    assert to_hex(line(titles["with_layernorm"], "loss").get_color()) == "#e69f00"
    run = next(
        ax for ax in all_axes(pictures["runs"]) if ax.get_title(loc="left") == "with_layernorm"
    )
    assert to_hex(line(run, "validation").get_color()) == "#e69f00"


def test_each_group_has_a_mark_and_an_interval_for_each_configuration() -> None:
    shares = pl.DataFrame(
        {
            "configuration": ["a", "a", "b"],
            "aspect": ["domain", "leakage", "domain"],
            "group": ["law", "leaked", "law"],
            "n": [10.0, 4.0, 10.0],
            "share": [0.5, 0.25, 0.7],
            "low": [0.2, 0.1, 0.4],
            "high": [0.8, 0.6, 0.9],
        }
    )
    looks = {"a": BLUE, "b": Style("#009E73", "-", "^")}
    ax = plot.plot_shares(shares, looks)
    assert points(ax, "a") == [(0.5, pytest.approx(-0.175)), (0.25, pytest.approx(0.825))]
    assert points(ax, "b") == [(0.7, pytest.approx(0.175))]
    bars = [segment.tolist() for bar in ax.collections for segment in bar.get_segments()]
    assert [[x for x, _ in bar] for bar in bars] == [[0.2, 0.8], [0.1, 0.6], [0.4, 0.9]]
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["law\nn = 10", "leaked\nn = 4"]


def test_predictions_beside_the_logs_add_the_picture_of_answers(
    read: Callable[..., Log], answered: Callable[..., None]
) -> None:
    answered("law", "sport")
    log = read(INTERRUPTED, INTERRUPTED | {"relu": True})
    figure = plot.pictures(log, summary.measure(log))["diagnosis"]
    assert "Answers on test, at the best epoch" in texts(figure)
    assert "with_layernorm\nwith_layernorm_relu" in texts(figure)
    domains, kinds, wrong = all_axes(figure)
    names = [text.get_text() for text in domains.get_yticklabels()]
    assert names == ["law\nn = 1", "sport\nn = 1"]
    assert [x for x, _ in points(domains, "with_layernorm")] == [0, 1]
    assert [x for x, _ in points(kinds, "with_layernorm_relu")] == [0, 0]
    assert domains.get_xlim() == kinds.get_xlim()
    assert wrong.get_title(loc="left") == "of the wrong answers"


def test_rows_are_as_high_in_every_panel_of_answers(
    answered: Callable[..., None], read: Callable[..., Log]
) -> None:
    answered(*(f"domain{number:02}" for number in range(9)))
    log = read(INTERRUPTED, INTERRUPTED | {"relu": True})
    figure = plot.pictures(log, summary.measure(log))["diagnosis"]
    heights = [
        ax.get_position().height / len(ax.get_yticks()) for ax in all_axes(figure) if ax.lines
    ]
    assert len(heights) == 3
    assert heights == pytest.approx([heights[0]] * 3)
    assert len({ax.get_position().y1 for ax in all_axes(figure)}) == 1


def test_of_many_domains_the_largest_are_drawn_and_the_title_says_so(
    answered: Callable[..., None],
    read: Callable[..., Log],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(plot, "MOST_GROUPS", 4)
    answered("a", "b", "c", "d", "e", "e")
    log = read(INTERRUPTED, INTERRUPTED | {"relu": True})
    figure = plot.pictures(log, summary.measure(log))["diagnosis"]
    domains = all_axes(figure)[0]
    assert domains.get_title(loc="left") == "top-1 by domain, the largest 4"
    names = [text.get_text().split("\n")[0] for text in domains.get_yticklabels()]
    assert len(names) == 4
    assert names[-1] == "e"


def test_a_run_without_any_error_has_no_panel_of_wrong_answers(
    predicted: Callable[..., pl.DataFrame], read: Callable[..., Log], tmp_path: Path
) -> None:
    predicted({"law/tax/pro/01": None}).write_parquet(tmp_path / "r0.predictions.parquet")
    log = read(INTERRUPTED)
    figure = plot.pictures(log, summary.measure(log))["diagnosis"]
    assert "of the wrong answers" not in texts(figure)


def test_no_two_configurations_of_a_format_look_alike() -> None:
    names = [f"c{number}" for number in range(20)]
    variants = ["with_relu"] * 3 + [None] * 17
    table = pl.DataFrame({"configuration": names, "format": "jsonl", "variant": variants})
    looks = plot.styles(table)
    assert len(set(looks.values())) == 20
    assert looks["c0"].color == "#009E73"  # the variant's own


def test_an_evaluation_within_the_first_epoch_is_drawn_there_without_a_star(
    read: Callable[..., Log],
) -> None:
    log = read({"within": (0.9, 0.95, 0.85), "steps": (4, 8)})
    figures = plot.pictures(log, summary.measure(log))
    (run,) = all_axes(figures["runs"])
    within = [(0.25, 0.9), (0.5, 0.95), (0.75, 0.85)]
    assert points(run, "test") == [(0, 0.0), *within, (1, 0.5), (2, 0.3), (3, 0.35)]
    assert points(run, "best validation") == [(2, 0.4)]
    compared = all_axes(figures["comparison"])[0]
    assert points(compared, "with_layernorm")[1:4] == within


def test_an_evaluation_within_a_first_epoch_of_unknown_length_is_not_drawn(
    read: Callable[..., Log],
) -> None:
    log = read({"within": (0.9,)})
    metrics = log.metrics.filter((pl.col("event") != "eval") | (pl.col("epoch") != 1))
    log = Log(log.runs, metrics, log.rejected, log.warnings)
    (run,) = all_axes(plot.pictures(log, summary.measure(log))["runs"])
    assert points(run, "test") == [(0, 0.0), (2, 0.3), (3, 0.35)]


def test_the_untrained_encoder_is_a_thin_line_that_the_axes_hold(read: Callable[..., Log]) -> None:
    log = read({"top1": {split: [0.3, 0.5] for split in CURVE}})
    untrained = pl.when(pl.col("event") == "untrained").then(0.01).otherwise("value")
    log = Log(log.runs, log.metrics.with_columns(value=untrained), log.rejected, log.warnings)
    figure = plot.pictures(log, summary.measure(log))["comparison"]
    for ax in all_axes(figure):
        (thin,) = [line for line in ax.get_lines() if list(line.get_ydata()) == [0.01] * 2]
        assert thin.get_linewidth() == 1
        assert ax.get_ylim()[0] < 0.01
    assert "Thin dashes: the untrained encoder." in texts(figure)
    trained = Log(log.runs, log.metrics.filter(event="eval"), log.rejected, log.warnings)
    assert "dashes" not in texts(plot.pictures(trained, summary.measure(trained))["comparison"])


def test_legacy_and_new_figures_stand_on_separate_axes_under_their_words(
    read: Callable[..., Log], tmp_path: Path, legacy_text: Callable[..., str]
) -> None:
    (tmp_path / "with_layernorm_logs.txt").write_text(legacy_text(), encoding="utf-8")
    log = read({}, {"schema": 1})
    for name in ("comparison", "convergence"):
        figure = plot.pictures(log, summary.measure(log))[name]
        for block, words in zip(figure.subfigs, summary.FORMATS.values(), strict=True):
            assert block.texts[0].get_text() == words
            labels = {label for ax in block.axes for label in ax.get_legend_handles_labels()[1]}
            assert len(labels) == 1
            label = labels.pop()
            assert ("(legacy)" in label, "(schema 1)" in label) == (
                "Legacy" in words,
                "schema 1" in words,
            )


def test_the_number_of_points_stands_over_each_panel(read: Callable[..., Log]) -> None:
    log = read({})
    titles = texts(plot.pictures(log, summary.measure(log))["comparison"])
    assert "training, n = 40\nvalidation, n = 16\ntest, n = 20" in titles


def test_configurations_of_unlike_numbers_of_points_are_titled_from_the_least_to_the_most(
    read: Callable[..., Log],
) -> None:
    more = {"training": 1065, "validation": 16, "test": 20}
    log = read({}, {"relu": True, "n": more})
    titles = texts(plot.pictures(log, summary.measure(log))["comparison"])
    assert "training, n = 40–1,065\nvalidation, n = 16\ntest, n = 20" in titles


def test_the_legend_names_every_configuration(read: Callable[..., Log]) -> None:
    log = read(*({"config": {"lr": lr}} for lr in (1, 2, 3, 4, 5)))
    found = texts(plot.pictures(log, summary.measure(log))["comparison"])
    assert all(f"with_layernorm, lr={lr}" in found for lr in (2, 3, 4, 5))


def test_many_runs_do_not_flood(read: Callable[..., Log], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plot, "RUNS_A_PAGE", 2)
    monkeypatch.setattr(plot, "MOST_RUNS", 4)
    runs = [{"seed": seed} for seed in range(5)] + [
        {"relu": True, "seed": seed} for seed in range(2)
    ]
    log = read(*runs)
    pictures = plot.pictures(log, summary.measure(log))
    pages = [name for name in pictures if name.startswith("runs")]
    assert pages == ["runs-1", "runs-2"]
    titles = [ax.get_title(loc="left") for name in pages for ax in all_axes(pictures[name])]
    assert titles == ["with_layernorm"] * 2 + ["with_layernorm_relu"] * 2


def test_logs_without_evaluations_or_losses_have_no_such_pictures(read: Callable[..., Log]) -> None:
    log = read({})
    only = {
        event: Log(
            log.runs, log.metrics.filter(pl.col("event") == event), log.rejected, log.warnings
        )
        for event in ("step", "eval", "pools")
    }
    names = {event: set(plot.pictures(log, summary.measure(log))) for event, log in only.items()}
    assert names["step"] == {"loss"}
    assert names["eval"] == {"comparison", "convergence", "runs"}
    assert names["pools"] == set()


def test_one_figure_gives_the_same_bytes_twice(read: Callable[..., Log]) -> None:
    log = read({})
    first, second = (plot.pictures(log, summary.measure(log))["comparison"] for _ in range(2))
    for file_format in ("png", "svg"):
        assert plot.rendered(first, file_format) == plot.rendered(second, file_format)


def test_names_with_dollars_controls_and_far_letters_are_drawn_as_they_are(
    read: Callable[..., Log],
) -> None:
    odd = "$_$ \x1b\x00 对 <b> " + "x" * 300
    log = read(
        {"config": {"encoder": odd}}, {"config": {"encoder": "a"}}, {"config": {"encoder": "a"}}
    )
    svg = plot.rendered(plot.pictures(log, summary.measure(log))["comparison"], "svg").decode()
    assert "encoder=$_$" in svg
    assert "\x1b" not in svg
    assert "<b>" not in svg
    assert "x" * 61 not in svg


def run_command(folder: Path, out: Path) -> str:
    """What the command printed; its last line says whether it imported what is slow or foreign."""
    code = (
        "import sys; sys.argv = ['plot', *sys.argv[1:]]\n"
        "from analysis import plot\n"
        "slow = ('torch', 'biencoder', 'matplotlib.pyplot', 'statsmodels')\n"
        "try: plot.main()\n"
        "finally: print([name for name in slow if name in sys.modules])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code, str(folder), f"--out={out}"], capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_command_writes_both_kinds_of_picture_and_loads_nothing_slow(
    read: Callable[..., Log], tmp_path: Path
) -> None:
    read({}, {"relu": True})
    out = tmp_path / "results"
    printed = run_command(tmp_path, out)
    pictures = ("comparison", "convergence", "loss", "runs")
    expected = [f"{name}.{ending}" for name in pictures for ending in ("png", "svg")]
    assert sorted(path.name for path in out.iterdir()) == sorted(
        [*expected, "summary.csv", "summary.md"]
    )
    assert printed.endswith("[]\n")
    assert "no difference shown" in printed
    assert "Health: nothing to note." in printed
    assert f"wrote {out / 'comparison.svg'}" in printed


def test_with_predictions_the_command_pairs_queries_and_writes_the_diagnosis(
    read: Callable[..., Log], answered: Callable[..., None], tmp_path: Path
) -> None:
    read(INTERRUPTED, INTERRUPTED | {"relu": True})
    answered("law", *["sport"] * 12)
    out = tmp_path / "results"
    printed = run_command(tmp_path, out)
    assert "ends higher than with_layernorm_relu: 92.3 % against 0.0 % (McNemar's" in printed
    assert diagnosis.HEADING in printed
    assert "['statsmodels']" in printed  # McNemar's alone
    shares = pl.read_csv(out / "diagnosis.csv").filter(pl.col("group") == "sport")
    assert shares.select("configuration", "n", "share").rows() == [
        ("with_layernorm", 12, 1.0),
        ("with_layernorm_relu", 12, 0.0),
    ]
    assert {"diagnosis.png", "diagnosis.svg"} <= {path.name for path in out.iterdir()}


@pytest.mark.parametrize("flag", ["--smooth=0", "--smooth=x", "--smoth=3"])
def test_a_wrong_flag_answers_before_any_work(
    flag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["plot", str(tmp_path / "absent"), flag])
    with pytest.raises(SystemExit) as ended:
        plot.main()
    assert ended.value.code == 2


def test_the_real_legacy_logs_are_drawn_point_for_point(real_legacy_logs: Path) -> None:
    tables = summary.measure(log := logs.read([real_legacy_logs]))
    figures = plot.pictures(log, tables)
    assert set(figures) == {"comparison", "convergence", "loss", "runs"}
    drawn = {
        (str(line.get_label()), panel.get_title(loc="left").split(",")[0]): list(line.get_ydata())
        for panel in all_axes(figures["comparison"])
        for line in panel.get_lines()
    }
    names = {"training": "训练集", "validation": "验证集", "test": "测试集"}
    for file in real_legacy_logs.glob("*.txt"):
        text = file.read_text(encoding="utf-8")
        configuration = tables.runs.filter(run_id=file.stem)["configuration"].item()
        for split, name in names.items():
            plain = [float(v) for v in re.findall(rf"{name}top1 accuracy为([\d.]+)", text)]
            assert len(plain) == 200
            assert drawn[configuration, split] == plain
