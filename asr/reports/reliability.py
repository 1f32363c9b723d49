"""Plots of how far confidences agree with what is right."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from asr.files import written_whole
from asr.reports.curves import dress
from asr.scoring.reliability import Reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = ("#7a8ba6", "#c8452f", "#2f6f8f", "#b08a2e")


def draw_reliability(measured: Mapping[str, Reliability], path: str | Path, title: str = "") -> None:
    """Draws a reliability curve, and below it how many words have which confidence.

    Args:
        measured: up to four sets of words, by name.
        path: image file; the suffix decides the format.
        title: title above the panels.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 7), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 1, height_ratios=[3, 1])
    curve = figure.add_subplot(grid[0])
    _draw_curve(curve, measured)
    _draw_counts(figure.add_subplot(grid[1], sharex=curve), measured)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    with written_whole(path) as beside:
        figure.savefig(beside, dpi=120)


def _draw_curve(panel: Axes, measured: Mapping[str, Reliability]) -> None:
    panel.plot([0, 1], [0, 1], color="#b5b5b5", linewidth=1, linestyle="--")
    for (name, each), colour in zip(measured.items(), _COLOURS, strict=False):
        bins = [one for one in each.bins if one.num_words]
        label = f"{name}, ECE {each.ece:.3f}"
        means, shares = [one.confidence for one in bins], [one.right for one in bins]
        panel.plot(means, shares, color=colour, marker="o", markersize=4, label=label)
    panel.set_ylabel("share of words that are right")
    panel.set_xlim(0, 1)
    panel.set_ylim(0, 1.02)
    dress(panel)
    panel.legend(frameon=False, loc="upper left")


def _draw_counts(panel: Axes, measured: Mapping[str, Reliability]) -> None:
    share = 0.9 / max(1, len(measured))
    for place, (each, colour) in enumerate(zip(measured.values(), _COLOURS, strict=False)):
        width = share * (each.bins[0].high - each.bins[0].low)
        lefts = [one.low + place * width for one in each.bins]
        panel.bar(lefts, [one.num_words for one in each.bins], width, align="edge", color=colour)
    panel.set_yscale("symlog", linthresh=1)
    panel.set_xlabel("confidence")
    panel.set_ylabel("words")
    dress(panel)
