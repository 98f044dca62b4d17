"""Draws the picture `loss`: the loss with its parts, and the share of hard negatives."""

from typing import TYPE_CHECKING, Any

import polars as pl

from analysis.rendering.axes import FEW, label_epochs, new_axes
from analysis.rendering.labels import wrapped
from analysis.rendering.layout import lay_out_panels, new_figure, write_head
from analysis.rendering.selection import LOSS_LABELS, TRIPLETS_DIFFER, omission
from analysis.rendering.style import INK, MUTED, Style
from analysis.statistics.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def loss_figure(results: Results, looks: dict[str, Style]) -> "Figure":
    """Draw one panel per configuration: its loss above, its share of hard negatives below.

    A recipe without triplets mines none.
    """
    ours = results.drawn.join(results.losses, on="configuration", how="semi")
    rows, columns = -(-ours.height // 4), min(4, ours.height)
    below = 0.65 if results.hard_ratios.is_empty() else 1.6
    figure = new_figure(1.15 + (3.0 + below) * rows)
    panels = lay_out_panels(
        figure, rows, columns, header=1.15, title=0.65, below=below, between=0.3, outer=True
    )
    shown = panels[: ours.height]
    for place, (ax, name) in enumerate(zip(shown, ours["configuration"], strict=True)):
        plot_loss(results.losses.filter(configuration=name), looks[name], ax)
        ax.set_title(wrapped(name, 100 // columns), loc="left", fontsize=12)
        ratio = results.hard_ratios.filter(configuration=name)
        if ratio.is_empty():
            continue
        ax.tick_params(labelbottom=False)
        ax.set_xlabel("")
        strip = ax.inset_axes((0, -0.34, 1, 0.22), sharex=ax)
        plot_hard_ratio(ratio, looks[name], strip)
        if place % columns:
            strip.tick_params(left=False, labelleft=False)
        else:
            strip.set_ylabel("hard\nratio", rotation=0, ha="right", va="center", fontsize=11)
    highest = max(ax.get_ylim()[1] for ax in shown)
    for ax in shown:
        ax.set_ylim(0, highest)
    for ax in panels[ours.height :]:
        ax.remove()
    note = (
        "Line: mean over a short span and over runs. Parts are times their weights. "
        "Band: lowest to highest logged value."
    )
    if "triplet_loss" in results.losses["metric"]:
        note += f" {TRIPLETS_DIFFER}"
    write_head(figure, f"{results.study.name}: loss{omission(results)}", note, shown)
    return figure


def plot_loss(loss: pl.DataFrame, style: Style, ax: "Axes | None" = None) -> "Axes":
    """Draw the loss of one configuration and the means of its parts; returns the axes.

    `loss` is the table of `losses.losses`. The band spans what was logged.
    """
    ax = ax or new_axes()
    looks: dict[str, dict[str, Any]] = {
        "loss": {"color": style.color, "linestyle": "-", "linewidth": 2.4},
        "triplet_loss": {"color": INK, "linestyle": "-", "linewidth": 1.2},
        "positive_loss": {"color": INK, "linestyle": (0, (5, 2)), "linewidth": 1.2},
        "negative_loss": {"color": MUTED, "linestyle": (0, (1.5, 1.5)), "linewidth": 1.8},
        "in_batch_loss": {"color": MUTED, "linestyle": "-", "linewidth": 1.2},
        "listwise_loss": {"color": MUTED, "linestyle": (0, (5, 2)), "linewidth": 1.2},
    }
    for metric, look in looks.items():
        line = loss.filter(metric=metric)
        if line.is_empty():
            continue
        marked: dict[str, Any] = {"marker": "o"} if line.height <= FEW else {}
        if metric == "loss":
            ax.fill_between(
                line["epoch"], line["low"], line["high"], color=style.color, alpha=0.2, linewidth=0
            )
        ax.plot(line["epoch"], line["value"], label=LOSS_LABELS[metric], **look, **marked)
    ax.set_ylim(bottom=0)
    label_epochs(ax)
    return ax


def plot_hard_ratio(ratio: pl.DataFrame, style: Style, ax: "Axes | None" = None) -> "Axes":
    """Draw the share of hard negatives of one configuration: epoch, value; returns the axes."""
    ax = ax or new_axes()
    look: dict[str, Any] = {"color": style.color, "linewidth": 2, "label": "hard_ratio"}
    ax.step(ratio["epoch"], ratio["value"], where="post", **look)
    ax.set_ylim(-0.05, 1.05)
    ax.set_yticks([0, 1])
    label_epochs(ax)
    return ax
