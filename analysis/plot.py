"""Pictures of runs: which configuration converges faster, which ends higher, is it more than luck.

python -m analysis.plot logs/                 # tables and verdicts here, pictures in logs/plots/
python -m analysis.plot logs/ --smooth=5      # top-1 curves as means of 5 evaluations, raw behind

Every function that draws takes a frame and `ax` (None: axes of a new figure) and returns the axes.
Only the command writes files.
"""

import io
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl
from pydantic import BaseModel, ConfigDict, Field

import commandline
from analysis import diagnosis, health, intervals, output, summary, verdict
from analysis.printable import printable
from analysis.readers import logs
from analysis.schema import Log
from analysis.summary import FORMATS, MEASURES, SPLITS, Tables

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

#: Okabe and Ito's colours (without their yellow and black, which white and dark paper swallow).
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#8A8A8A")
DASHES = ("-", (0, (6, 2)), (0, (6, 2, 1.5, 2)), (0, (1.5, 1.5)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

#: The four variants keep their colour from picture to picture and from folder to folder.
VARIANTS = ("with_layernorm_relu", "with_layernorm", "with_relu", "without_layernorm_relu")

#: Ink and paper of text, axes and the lines that belong to no configuration.
INK, MUTED = "#1b1b1b", "#767676"

#: A slide's width in inches.
WIDTH = 13.3

#: Sizes that are read from the back of a room, and text that is only ever text.
RC: dict[Any, Any] = {
    "font.size": 13,
    "axes.titlesize": 13,
    "axes.titleweight": "bold",
    "axes.edgecolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "savefig.dpi": 144,
    "svg.fonttype": "none",
    "svg.hashsalt": "analysis",
    "text.parse_math": False,
}

#: Runs on one picture, and the most runs that get a panel: more would flood the folder.
RUNS_A_PAGE, MOST_RUNS = 6, 24

#: Points that a loss curve is thinned to, at least one an epoch.
LOSS_POINTS = 120

#: Rows of one panel: of more domains the largest are drawn, and the title says so.
MOST_GROUPS = 20

#: Evaluations beyond which a curve counts as dense.
DENSE = 60

LOSSES = {
    "loss": "loss",
    "triplet_loss": "triplet",
    "positive_loss": "positive pairs",
    "negative_loss": "negative pairs",
    "in_batch_loss": "in batch",
}


class Options(BaseModel):
    """Draw run logs: top-1 curves, their comparison, convergence, loss and answers, as PNG and SVG,
    beside their tables; verdicts and health notes are printed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    paths: list[str] = Field(["logs"], description="Log files, folders or globs; unset: logs.")
    out: Path | None = Field(
        None, description="Folder for the files; unset: plots/ beside the logs."
    )
    smooth: int = Field(
        1, ge=1, description="Evaluations that a top-1 curve is the mean of; 1 draws it as it is."
    )


class Style(NamedTuple):
    """How one configuration looks in every picture."""

    color: str
    dash: str | tuple[float, tuple[float, ...]]
    marker: str


def styles(by_configuration: pl.DataFrame) -> dict[str, Style]:
    """A look for each configuration, unlike that of every other of its format (up to 28).

    A variant has its own colour, which the first of its configurations takes.
    """
    table: dict[str, Style] = {}
    for _, ours in by_configuration.group_by("format", maintain_order=True):
        firsts = ours.unique("variant", keep="first").filter(pl.col("variant").is_in(VARIANTS))
        taken = {
            name: VARIANTS.index(variant)
            for name, variant in firsts.select("configuration", "variant").rows()
        }
        # The others take what is left: colours that are no variant's, then a variant's, then any.
        left = [
            number for number in range(len(COLORS) + ours.height) if number not in taken.values()
        ]
        left.sort(key=lambda number: (number >= len(COLORS), number < len(VARIANTS)))
        for name in ours["configuration"]:
            number = taken[name] if name in taken else left.pop(0)
            table[name] = Style(
                COLORS[number % len(COLORS)],
                DASHES[number % len(DASHES)],
                MARKERS[number % len(MARKERS)],
            )
    return table


def bands(curves: pl.DataFrame, by_run: pl.DataFrame) -> pl.DataFrame:
    """Curves of configurations: configuration, split, epoch, value, low, high, runs.

    `curves` as of `summary.curves`, `by_run` of `summary.per_run`. The mean over the counted runs,
    at the epochs that all of them evaluated, and a band: from the lowest to the highest run, or
    Wilson's 95 % interval where there is one run.
    """
    counted = by_run.filter("counted").select("configuration", "run_id")
    long = pl.concat(
        curves.select(
            "run_id",
            pl.lit(split).alias("split"),
            "epoch",
            pl.col(split).alias("value"),
            pl.col(f"n_{split}").alias("n"),
        )
        for split in SPLITS
    )
    low, high = intervals.wilson(pl.col("value"), pl.col("n"))
    single = pl.col("runs") == 1
    return (
        long.drop_nulls("value")
        .join(counted, on="run_id")
        .with_columns(of=pl.col("run_id").n_unique().over("configuration", "split"))
        .group_by("configuration", "split", "epoch")
        .agg(
            pl.col("value").mean(),
            lowest=pl.col("value").min(),
            highest=pl.col("value").max(),
            runs=pl.len(),
            of=pl.col("of").first(),
            n=pl.col("n").first(),
        )
        .filter(pl.col("runs") == pl.col("of"))
        .with_columns(
            low=pl.when(single).then(low).otherwise("lowest"),
            high=pl.when(single).then(high).otherwise("highest"),
        )
        .sort("configuration", "split", "epoch")
        .select("configuration", "split", "epoch", "value", "low", "high", "runs")
    )


def within_first_epoch(metrics: pl.DataFrame) -> pl.DataFrame:
    """METRICS with the evaluations within the first epoch at their part of it, for curves that show
    them; where the length of the epoch is not known the epoch is null.
    """
    length = pl.col("step").filter(event="eval", epoch=1).first().over("run_id")
    whole = summary.WHOLE_EPOCHS | (pl.col("event") != "eval")
    return metrics.with_columns(
        epoch=pl.when(whole).then("epoch").otherwise(pl.col("step") / length)
    )


def losses(metrics: pl.DataFrame, by_run: pl.DataFrame) -> pl.DataFrame:
    """Loss of configurations, thinned: configuration, metric, epoch, value, low, high.

    Each epoch is cut into as many equal spans as `LOSS_POINTS` allow, at least one; `epoch` is a
    span's middle, `value` the mean of what the counted runs logged in it, and `low` and `high` the
    lowest and highest of that, so that no spike is lost.
    """
    counted = by_run.filter("counted").select("configuration", "run_id")
    steps = metrics.filter((pl.col("event") == "step") & pl.col("metric").is_in(list(LOSSES)))
    epochs = pl.col("epoch").max().over("configuration") + 1
    spans = pl.max_horizontal(1, LOSS_POINTS // epochs)
    position = pl.int_range(pl.len()).over("run_id", "metric", "epoch")
    size = pl.len().over("run_id", "metric", "epoch")
    return (
        steps.join(counted, on="run_id")
        .sort("step", maintain_order=True)
        .with_columns(epoch=pl.col("epoch") + (position * spans // size + 0.5) / spans)
        .filter(pl.col("value").is_finite())
        .group_by("configuration", "metric", "epoch")
        .agg(
            pl.col("value").mean(),
            low=pl.col("value").min(),
            high=pl.col("value").max(),
        )
        .sort("configuration", "metric", "epoch")
    )


def hard_ratios(metrics: pl.DataFrame, by_run: pl.DataFrame) -> pl.DataFrame:
    """Share of hard negatives: configuration, epoch, value (mean over the counted runs)."""
    counted = by_run.filter("counted").select("configuration", "run_id")
    return (
        metrics.filter((pl.col("event") == "mine") & (pl.col("metric") == "hard_ratio"))
        .join(counted, on="run_id")
        .group_by("configuration", "epoch")
        .agg(pl.col("value").mean())
        .sort("configuration", "epoch")
    )


def plot_run(
    curve: pl.DataFrame, style: Style, ax: "Axes | None" = None, smooth: int = 1
) -> "Axes":
    """Draw one run: epoch, training, validation, test. The best validation epoch is marked.

    With `smooth` above 1 a line is the centred mean of so many evaluations, the raw one behind it.
    """
    ax = ax or _new_axes()
    looks: dict[str, dict[str, Any]] = {
        "training": {"color": MUTED, "linestyle": ":", "linewidth": 1.8},
        "validation": {"color": style.color, "linestyle": "-", "linewidth": 2.4},
        "test": {"color": INK, "linestyle": (0, (5, 2)), "linewidth": 1.4},
    }
    for split, look in looks.items():
        line = curve.select("epoch", pl.col(split).alias("value")).drop_nulls()
        _line(ax, line, smooth, label=split, **look)
    validated = curve.drop_nulls("validation").filter(pl.col("epoch") % 1 == 0)
    if validated.height:
        best = validated.filter(pl.col("validation") == pl.col("validation").max()).row(
            0, named=True
        )
        ax.axvline(best["epoch"], color=style.color, linewidth=1, alpha=0.6, zorder=1)
        ax.plot(
            best["epoch"],
            best["validation"],
            marker="*",
            markersize=15,
            color=style.color,
            markeredgecolor=INK,
            linestyle="none",
            label="best validation",
        )
    _share_axes(ax)
    return ax


def plot_comparison(
    band: pl.DataFrame, looks: dict[str, Style], ax: "Axes | None" = None, smooth: int = 1
) -> "Axes":
    """Draw one split: a line and a band for each configuration of a frame as of `bands`."""
    ax = ax or _new_axes()
    for number, ((name,), line) in enumerate(band.group_by("configuration", maintain_order=True)):
        style = looks[name]
        # Dashes drown in a curve of hundreds of jagged steps; there the markers tell lines apart.
        dense = line.height > DENSE
        every = max(1, line.height // 6)
        edges = line.drop_nulls(["low", "high"])
        ax.fill_between(
            edges["epoch"], edges["low"], edges["high"], color=style.color, alpha=0.16, linewidth=0
        )
        _line(
            ax,
            line,
            smooth,
            label=name,
            color=style.color,
            linestyle="-" if dense else style.dash,
            linewidth=1.5 if dense else 2.4,
            marker=style.marker,
            markevery=(number * every // 4 % every, every),
            markersize=9 if dense else 7,
        )
    _share_axes(ax)
    return ax


def plot_measure(
    by_configuration: pl.DataFrame,
    by_run: pl.DataFrame,
    measure: str,
    looks: dict[str, Style],
    ax: "Axes | None" = None,
) -> "Axes":
    """Draw one measure of `summary.MEASURES`: a row a configuration, its mean with the 95 %
    interval, the counted runs as small marks beneath.
    """
    ax = ax or _new_axes()
    names = by_configuration["configuration"].to_list()
    for row, figures in enumerate(by_configuration.iter_rows(named=True)):
        name, value = figures["configuration"], figures[measure]
        if value is None:
            ax.annotate(
                "no figure",
                (0.5, row),
                xycoords=("axes fraction", "data"),
                ha="center",
                va="center",
            )
            continue
        style, percent = looks[name], MEASURES[measure].percent
        low, high = figures[f"{measure}_low"], figures[f"{measure}_high"]
        if low is not None:
            ax.hlines(row, low, high, color=style.color, linewidth=5, alpha=0.45)
        of_runs = by_run.filter("counted", pl.col("configuration") == name)[measure]
        if of_runs.len() > 1:
            ax.plot(
                of_runs,
                [row + 0.22] * of_runs.len(),
                ".",
                color=style.color,
                markersize=9,
                zorder=3,
            )
        ax.plot(
            value,
            row,
            style.marker,
            color=style.color,
            markersize=12,
            label=name,
            zorder=4,
            clip_on=False,  # epoch 0 stands on the axis
        )
        ax.annotate(
            f"{100 * value:.1f} %" if percent else f"{value:.1f}".removesuffix(".0"),
            (value, row),
            xytext=(0, 11),
            textcoords="offset points",
            ha="center",
            color=INK,
        )
    ax.set_yticks(range(len(names)), [_wrapped(name, 33) for name in names])
    ax.set_ylim(len(names) - 0.4, -0.65)
    ax.margins(x=0.12)
    ax.grid(axis="x", color=MUTED, alpha=0.25)
    ax.set_axisbelow(True)
    if MEASURES[measure].percent:
        ax.xaxis.set_major_formatter(_percent)
    else:
        ax.set_xlim(0, 1.03 * ax.get_xlim()[1])
    return ax


def plot_loss(loss: pl.DataFrame, style: Style, ax: "Axes | None" = None) -> "Axes":
    """Draw the loss of one configuration, a frame as of `losses`: its mean with the band of what
    was logged, and the means of its parts.
    """
    ax = ax or _new_axes()
    looks: dict[str, dict[str, Any]] = {
        "loss": {"color": style.color, "linestyle": "-", "linewidth": 2.4},
        "triplet_loss": {"color": INK, "linestyle": "-", "linewidth": 1.2},
        "positive_loss": {"color": INK, "linestyle": (0, (5, 2)), "linewidth": 1.2},
        "negative_loss": {"color": MUTED, "linestyle": (0, (1.5, 1.5)), "linewidth": 1.8},
        "in_batch_loss": {"color": MUTED, "linestyle": "-", "linewidth": 1.2},
    }
    for metric, look in looks.items():
        line = loss.filter(pl.col("metric") == metric)
        if line.is_empty():
            continue
        if metric == "loss":
            ax.fill_between(
                line["epoch"], line["low"], line["high"], color=style.color, alpha=0.2, linewidth=0
            )
        ax.plot(line["epoch"], line["value"], label=LOSSES[metric], **look)
    ax.set_ylim(bottom=0)
    ax.grid(axis="y", color=MUTED, alpha=0.25)
    return ax


def plot_hard_ratio(ratio: pl.DataFrame, style: Style, ax: "Axes | None" = None) -> "Axes":
    """Draw the share of hard negatives of one configuration: epoch, value."""
    ax = ax or _new_axes()
    if ratio.is_empty():
        middle: dict[str, Any] = {"xycoords": "axes fraction", "ha": "center", "va": "center"}
        ax.annotate("not logged", (0.5, 0.5), color=MUTED, **middle)
    # What is mined before an epoch holds for the whole of it, the last one too.
    held = pl.concat([ratio, ratio.tail(1).with_columns(pl.col("epoch") + 1)])
    look: dict[str, Any] = {"color": style.color, "linewidth": 2, "label": "hard_ratio"}
    ax.step(held["epoch"], held["value"], where="post", **look)
    ax.set_ylim(-0.05, 1.05)
    ax.set_yticks([0, 1])
    ax.grid(axis="y", color=MUTED, alpha=0.25)
    return ax


def plot_shares(shares: pl.DataFrame, looks: dict[str, Style], ax: "Axes | None" = None) -> "Axes":
    """Draw shares of groups, a frame as of `diagnosis.diagnose`: a row a group, in it a mark and
    its 95 % interval for each configuration. A rule stands between aspects.
    """
    ax = ax or _new_axes()
    names = shares["configuration"].unique(maintain_order=True).to_list()
    groups = shares.group_by("aspect", "group", maintain_order=True).agg("n")
    places = groups.select("aspect", "group").with_row_index("row")
    # A row is one high; its configurations share the middle 0.7 of it.
    shifts = {name: 0.7 * ((i + 0.5) / len(names) - 0.5) for i, name in enumerate(names)}
    for (name,), ours in shares.join(places, on=["aspect", "group"]).group_by(
        "configuration", maintain_order=True
    ):
        style, row = looks[str(name)], ours["row"] + shifts[str(name)]
        ax.hlines(row, ours["low"], ours["high"], color=style.color, linewidth=2.5, alpha=0.5)
        look: dict[str, Any] = {"color": style.color, "markersize": 7, "label": name}
        ax.plot(ours["share"], row, style.marker, linestyle="none", zorder=4, **look)
    ax.set_yticks(
        range(groups.height),
        [
            f"{_wrapped(group, 19)}\nn = {diagnosis.count(n)}"
            for group, n in groups.select("group", "n").iter_rows()
        ],
        fontsize=11,
    )
    aspects = groups["aspect"].to_list()
    for edge in range(1, len(aspects)):
        within = aspects[edge] == aspects[edge - 1]
        rule = {"alpha": 0.3, "linewidth": 0.6} if within else {"linewidth": 1.2}
        ax.axhline(edge - 0.5, color=MUTED, zorder=0, **rule)
    ax.set_ylim(groups.height - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_formatter(_percent)
    ax.grid(axis="x", color=MUTED, alpha=0.25)
    return ax


def pictures(log: Log, tables: Tables, smooth: int = 1) -> "dict[str, Figure]":
    """All pictures that the logs have figures for: file name without ending → figure.

    All but the runs show the configurations that the verdicts compare.
    """
    import matplotlib

    names = verdict.compared(tables.runs)
    compared = pl.col("configuration").is_in(names)
    drawn = Tables(
        tables.runs.filter(compared), tables.configurations.filter(compared), tables.pools
    )
    # Those that are compared share axes, so they choose among all looks; the rest never meet them.
    looks = styles(tables.configurations.filter(~compared)) | styles(drawn.configurations)
    curves = summary.curves(within_first_epoch(log.metrics))
    loss = losses(log.metrics, drawn.runs)
    diagnosed = diagnosis.shown(diagnosis.diagnose(log.predictions, tables.runs), names)
    found = {}
    with matplotlib.rc_context(RC):
        if curves.height:
            band = bands(curves, drawn.runs)
            found["comparison"] = _comparison(drawn, band, log.metrics, looks, smooth)
            found["convergence"] = _convergence(drawn, looks)
        if loss.height:
            found["loss"] = _loss(drawn, loss, hard_ratios(log.metrics, drawn.runs), looks)
        if diagnosed.height:
            found["diagnosis"] = _diagnosis(diagnosed, looks)
        pages = list(_pages_of_runs(tables.runs, curves, looks, smooth))
        for number, page in enumerate(pages, 1):
            found["runs" if len(pages) == 1 else f"runs-{number}"] = page
    return found


def rendered(figure: "Figure", file_format: str, transparent: bool = False) -> bytes:
    """The figure as a 'png' or 'svg' file; the same figure gives the same bytes."""
    import matplotlib

    buffer = io.BytesIO()
    with matplotlib.rc_context(RC), warnings.catch_warnings():
        # Names in a log may hold letters that the font lacks: a box in their place is no news.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        metadata = {"Date": None} if file_format == "svg" else None
        figure.savefig(buffer, format=file_format, metadata=metadata, transparent=transparent)
    return buffer.getvalue()


def _pages_of_runs(
    by_run: pl.DataFrame, curves: pl.DataFrame, looks: dict[str, Style], smooth: int
) -> "Iterator[Figure]":
    """Picture (a): the curves of each run. Of too many, each configuration shows equally many."""
    turn = pl.int_range(pl.len()).over("configuration")
    evaluated = by_run.filter(pl.col("last_epoch").is_not_null()).with_row_index("order")
    chosen = evaluated.sort(turn, "order").head(MOST_RUNS).sort("order")
    for format_ in FORMATS:
        ours = chosen.filter(pl.col("format") == format_)
        # One scale for all panels that measure the same thing.
        values = curves.join(ours, on="run_id", how="semi").select(SPLITS)
        highest = max((value for value in values.max().row(0) if value is not None), default=1)
        for page in ours.iter_slices(RUNS_A_PAGE):
            rows = 1 if page.height <= 3 else 2
            columns = -(-page.height // rows)
            figure, (block,) = _blocks([1.15 + 4.0 * rows])
            panels = _panels(block, rows, columns, header=1.15, title=0.95)
            for ax, run in zip(panels, page.iter_rows(named=True), strict=False):
                curve = curves.filter(pl.col("run_id") == run["run_id"])
                plot_run(curve, looks[run["configuration"]], ax, smooth)
                ax.set_ylim(0, min(1.02, 1.1 * highest))
                _title_of_run(ax, run, 114 // columns)
            for ax in panels[page.height :]:
                ax.remove()
            note = "Star and upright line: the highest validation top-1, the first on ties."
            note += _smoothing(smooth)
            _head(block, FORMATS[format_], note, panels[:1])
            yield figure


def _comparison(
    drawn: Tables, band: pl.DataFrame, metrics: pl.DataFrame, looks: dict[str, Style], smooth: int
) -> "Figure":
    """Picture (b): a block a format, a panel a split, a line a configuration."""
    formats = list(drawn.configurations.group_by("format", maintain_order=True))
    headers = [0.85 + 0.3 * _legend_rows(ours["configuration"]) for _, ours in formats]
    figure, blocks = _blocks([header + 4.4 for header in headers])
    untrained = metrics.filter(event="untrained", metric="top1")
    for ((format_,), ours), block, header in zip(formats, blocks, headers, strict=True):
        panels = _panels(block, 1, len(SPLITS), header=header, title=0.4)
        lines = band.join(ours, on="configuration", how="semi")
        counted = drawn.runs.filter("counted", format=format_)
        starts = untrained.join(counted, on="run_id", how="semi").unique(["split", "value"])
        heights = pl.concat([lines["low"], lines["high"], starts["value"]]).to_frame("end")
        low, high = heights.select(low=pl.col("end").min(), high=pl.col("end").max()).row(0)
        for ax, split in zip(panels, SPLITS, strict=True):
            plot_comparison(lines.filter(pl.col("split") == split), looks, ax, smooth)
            for value in starts.filter(split=split)["value"].drop_nulls():
                ax.axhline(value, color=MUTED, linestyle="--", linewidth=1)
            sizes = ours[f"n_{split}"].drop_nulls().to_list()
            ax.set_title(f"{split}, n = {diagnosis.count(sizes)}" if sizes else split, loc="left")
            ax.set_ylim(0.95 * (low or 0), min(1.02, 1.03 * (high or 1)))
        note = (
            "Line: mean over runs. Band: lowest to highest; of a single run Wilson's 95 % interval."
            + " Thin dashes: the untrained encoder." * (not starts.is_empty())
            + _smoothing(smooth)
        )
        _head(block, FORMATS[format_], note, panels)
    return figure


def _convergence(drawn: Tables, looks: dict[str, Style]) -> "Figure":
    """Picture (c): a block a format, a panel a measure, a row a configuration."""
    titles = {
        "epochs_to_95": "epochs to 95 % of best",
        "best_validation": "best validation",
        "test_at_best": "test at that epoch",
    }
    formats = list(drawn.configurations.group_by("format", maintain_order=True))
    figure, blocks = _blocks([2.0 + 0.75 * max(2, ours.height) for _, ours in formats])
    for ((format_,), ours), block in zip(formats, blocks, strict=True):
        panels = _panels(block, 1, len(titles), header=0.75, title=0.45, left=3.85)
        for ax, (measure, title) in zip(panels, titles.items(), strict=True):
            plot_measure(ours, drawn.runs, measure, looks, ax)
            ax.set_title(title, loc="left")
        for ax in panels[1:]:
            ax.tick_params(left=False, labelleft=False)
        note = (
            "Bar: 95 % interval over runs, small dots; of a single run Wilson's, none for epochs."
        )
        _head(block, FORMATS[format_], note)
    return figure


def _loss(
    drawn: Tables, loss: pl.DataFrame, ratio: pl.DataFrame, looks: dict[str, Style]
) -> "Figure":
    """Picture (d): a panel a configuration, its loss above and its hard_ratio below."""
    logged = drawn.configurations.join(loss, on="configuration", how="semi")
    formats = list(logged.group_by("format", maintain_order=True))
    shapes = [(-(-ours.height // 4), min(4, ours.height)) for _, ours in formats]
    figure, blocks = _blocks([1.15 + 4.6 * rows for rows, _ in shapes])
    for ((format_,), ours), (rows, columns), block in zip(formats, shapes, blocks, strict=True):
        panels = _panels(block, rows, columns, header=1.15, title=0.65, below=1.6)
        shown = panels[: ours.height]
        for ax, name in zip(shown, ours["configuration"], strict=True):
            of_name = pl.col("configuration") == name
            plot_loss(loss.filter(of_name), looks[name], ax)
            ax.set_title(_wrapped(name, 100 // columns), loc="left", fontsize=12)
            ax.tick_params(labelbottom=False)
            strip = ax.inset_axes((0, -0.34, 1, 0.22), sharex=ax)
            plot_hard_ratio(ratio.filter(of_name), looks[name], strip)
            strip.set_xlabel("epoch")
            strip.set_ylabel("hard\nratio", rotation=0, ha="right", va="center", fontsize=11)
        highest = max(ax.get_ylim()[1] for ax in shown)
        for ax in shown:
            ax.set_ylim(0, highest)
        for ax in panels[ours.height :]:
            ax.remove()
        note = "Line: mean over a short span. Band: lowest to highest logged value in it."
        _head(block, f"{FORMATS[format_].split(':')[0]}: loss", note, shown)
    return figure


def _diagnosis(diagnosed: pl.DataFrame, looks: dict[str, Style]) -> "Figure":
    """Picture (e): what is answered by domain, by kind of point, and what the wrong answers are."""
    size = pl.col("n").max().over("aspect", "group")
    large = pl.struct(size, "group").rank("dense", descending=True).over("aspect") <= MOST_GROUPS
    shares = diagnosed.filter(large)
    largest = f", the largest {MOST_GROUPS}" if shares.height < diagnosed.height else ""
    titles = {
        f"top-1 by domain{largest}": ["domain"],
        "top-1 by kind of point": ["all points", "length of the point", "leakage"],
        "of the wrong answers": ["wrong answer from", "wrong answer is"],
    }
    drawn = [shares.filter(pl.col("aspect").is_in(aspects)) for aspects in titles.values()]
    # Top-1 has one scale.
    ends = [max(panel["high"].to_list(), default=1) for panel in drawn]
    ends[:2] = [max(ends[:2])] * 2
    names = shares["configuration"].unique()
    heights = [panel["group"].n_unique() for panel in drawn]
    most = max(heights)
    header = 0.85 + 0.3 * _legend_rows(names)
    row = max(0.6, 0.4 + 0.07 * len(names))  # room for three lines of text, or for the marks
    figure, (block,) = _blocks([header + 1.05 + most * row])
    panels = _panels(block, 1, 3, header=header, title=0.4, left=1.9, between=2.1)
    for ax, title, panel, end, height in zip(panels, titles, drawn, ends, heights, strict=True):
        if panel.is_empty():  # no error at all
            ax.remove()
            continue
        plot_shares(panel, looks, ax)
        # A row is as high in every panel; below a shorter one the paper stays blank.
        box = ax.get_position()
        part = box.height * height / most
        ax.set_position((box.x0, box.y1 - part, box.width, part))
        ax.set_title(title, loc="left")
        ax.set_xlim(-0.03 * end, 1.03 * end)
    note = (
        "Mark: share over all runs of a configuration. Bar: Wilson's 95 % interval of n points or "
        "errors."
    )
    _head(block, f"Answers on {diagnosed['split'][0]}, at the best epoch", note, panels)
    return figure


def _blocks(heights: Sequence[float]) -> "tuple[Figure, list[SubFigure]]":
    """A figure of slide width, cut into blocks of these heights in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, sum(heights)))
    blocks = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)
    return figure, list(blocks[:, 0])


def _panels(
    block: "SubFigure",
    rows: int,
    columns: int,
    *,
    header: float,
    title: float,
    left: float = 0.85,
    between: float = 0.75,
    below: float = 0.65,
) -> "list[Axes]":
    """Axes in rows and columns, with inches kept for the header, each title and what is around."""
    height = block.bbox.height / block.figure.dpi
    inner = (height - header) / rows - title - below
    wide = (WIDTH - left - 0.25 - (columns - 1) * between) / columns
    grid = block.subplots(
        rows,
        columns,
        squeeze=False,
        gridspec_kw={
            "left": left / WIDTH,
            "right": 1 - 0.25 / WIDTH,
            "top": 1 - (header + title) / height,
            "bottom": below / height,
            "hspace": (title + below) / inner,
            "wspace": between / wide,
        },
    )
    return list(grid.flat)


def _head(block: "SubFigure", text: str, note: str, panels: "Sequence[Axes]" = ()) -> None:
    """The heading of a block, a note, and the legend of all that its panels draw."""
    height = block.bbox.height / block.figure.dpi
    block.text(0.25 / WIDTH, 1 - 0.2 / height, text, va="top", fontsize=15, fontweight="bold")
    block.text(0.25 / WIDTH, 1 - 0.5 / height, note, va="top", fontsize=12, color=MUTED)
    entries: dict[str, Artist] = {}
    for ax in panels:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
    if entries:
        block.legend(
            entries.values(),
            [_short(label, 60) for label in entries],
            loc="upper left",
            bbox_to_anchor=(0.15 / WIDTH, 1 - 0.7 / height),
            ncols=_legend_columns(list(entries)),
            frameon=False,
            handlelength=3,
        )


def _legend_columns(labels: Sequence[str]) -> int:
    # A letter of the legend is about 0.1 inches wide, its line and margins about 0.85.
    widest = 0.85 + 0.1 * min(60, max(map(len, labels), default=1))
    return max(1, int((WIDTH - 0.5) / widest))


def _legend_rows(labels: pl.Series) -> int:
    return -(-len(labels) // _legend_columns(labels.to_list()))


def _title_of_run(ax: "Axes", run: dict[str, Any], characters: int) -> None:
    """Three lines above a panel: configuration, run, and what the star marks."""
    ax.set_title(_short(run["configuration"], int(characters * 0.8)), loc="left", pad=42)
    found = "no validation figure"
    if run["best_validation"] is not None:
        found = f"best {100 * run['best_validation']:.1f} % at epoch {run['best_epoch']}"
        if run["test_at_best"] is not None:
            found += f", test there {100 * run['test_at_best']:.1f} %"
    ax.annotate(
        f"{_short(run['run_id'], characters)}\n{found}",
        (0, 1),
        xytext=(0, 6),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=11,
        color=MUTED,
        linespacing=1.3,
    )


def _line(ax: "Axes", line: pl.DataFrame, smooth: int, *, label: str, **look: Any) -> None:
    """One curve of epoch and value; smoothed, the raw one stands behind it."""
    value = line["value"]
    if smooth > 1:
        ax.plot(
            line["epoch"],
            value,
            color=look["color"],
            linewidth=0.8,
            alpha=0.45,
            label=f"_raw {label}",
        )
        value = value.rolling_mean(smooth, min_samples=1, center=True)
    ax.plot(line["epoch"], value, label=label, **look)


def _smoothing(smooth: int) -> str:
    return (
        f" Lines are means of {smooth} evaluations, the raw ones thin behind." if smooth > 1 else ""
    )


def _share_axes(ax: "Axes") -> None:
    """Axes of top-1 against epochs."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    ax.yaxis.set_major_formatter(_percent)
    ax.set_xlabel("epochs completed")
    ax.grid(axis="y", color=MUTED, alpha=0.25)


def _percent(share: float, _: float) -> str:
    """A tick of a share axis, with as many decimals as it needs."""
    return f"{100 * share:.3g} %"


def _new_axes() -> "Axes":
    from matplotlib.figure import Figure

    return Figure().subplots()


def _short(text: str, characters: int) -> str:
    """Text without what a picture cannot hold, its middle left out where it is too long."""
    text = printable(text)
    if len(text) <= characters:
        return text
    return f"{text[: characters // 2 - 1]}…{text[-(characters - characters // 2) :]}"


def _wrapped(text: str, characters: int) -> str:
    """The same on up to two lines, broken after a comma where there is one."""
    first, comma, rest = text.partition(", ")
    lines = [first + comma.rstrip(), rest] if comma else [first]
    return "\n".join(_short(line, characters) for line in lines)


def _draw(options: Options) -> None:
    """The job: read, print what was found, write the pictures and the tables."""
    log = logs.read(options.paths)
    summary.tell(log)
    tables = summary.measure(log)
    verdicts = verdict.verdicts(log.runs, tables.runs, log.predictions)
    print(summary.terminal_text(tables))
    print(verdict.text(verdicts, tables.runs))
    diagnosed = diagnosis.diagnose(log.predictions, tables.runs)
    print(diagnosis.text(diagnosis.shown(diagnosed, verdict.compared(tables.runs))), end="")
    print(health.text(health.notes(log.runs, log.metrics)))
    folder = output.folder(options.paths, options.out)
    written = summary.write(tables, folder)
    if log.predictions.height:
        written.append(output.write(folder / "diagnosis.csv", diagnosed.write_csv()))
    for name, figure in pictures(log, tables, options.smooth).items():
        for ending in ("png", "svg"):
            written.append(output.write(folder / f"{name}.{ending}", rendered(figure, ending)))
    if tables.runs.height > MOST_RUNS:
        print(f"runs-*: {MOST_RUNS} of {tables.runs.height:,} runs; name files to see others")
    for path in written:
        print(f"wrote {path}")


def main() -> None:
    """The console script `plot`, and `python -m analysis.plot`."""
    commandline.main(_draw, Options, prog="plot", positional="paths")


if __name__ == "__main__":
    main()
