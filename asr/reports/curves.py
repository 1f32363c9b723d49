"""Plots of learning curves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from asr.files import written_whole
from asr.reports.history import Curve, History

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FEW = 10  # fewer points than this are marked one by one
_TRAIN, _VAL = "#7a8ba6", "#c8452f"
_COLOURS = (_VAL, "#2f6f8f", "#5b8c3e", "#8a63a6", "#b8862b")


def draw_history(history: History, path: str | Path, title: str = "") -> None:
    """Draws the learning curves of a run: losses, dev error rates, learning rate, gradient norm and blank ratio.

    Args:
        history: what the run logged.
        path: image file; the suffix decides the format.
        title: title above the panels.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6.5), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 6, height_ratios=[3, 2])
    _draw_losses(figure.add_subplot(grid[0, :3]), history)
    _draw_error_rates(figure.add_subplot(grid[0, 3:]), history)
    curves = history.curves
    _draw_small(figure.add_subplot(grid[1, :2]), curves.get("learning_rate"), "learning rate", smooth=False)
    gradient = _draw_small(
        figure.add_subplot(grid[1, 2:4]), curves.get("train/gradient_norm"), "gradient norm before clipping"
    )
    _set_log_scale(gradient)
    blanks = _draw_small(
        figure.add_subplot(grid[1, 4:]), curves.get("train/blank_ratio"), "blank frames in training, %", 100
    )
    blanks.set_ylim(0, 100)
    for panel in figure.axes:
        dress(panel)
    if title:
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    with written_whole(path) as beside:
        figure.savefig(beside, dpi=120)


def _draw_losses(panel: Axes, history: History) -> None:
    panel.set_title("loss, nats a token", loc="left")
    step_by_step = history.curves.get("train/loss_step")
    if step_by_step is not None:
        panel.plot(step_by_step.steps, step_by_step.values, color=_TRAIN, alpha=0.3, linewidth=0.8)
    named = [("train/loss_epoch", "training", _TRAIN), ("val/loss", "dev", _VAL)]
    named += [(f"val/{head}_loss", f"dev, {head}", colour) for head, colour in zip(history.heads, cycle(_COLOURS[1:]))]
    for name, label, colour in named:
        curve = history.curves.get(name)
        if curve is not None:
            panel.plot(curve.steps, curve.values, color=colour, label=label, marker="o", markersize=3)
    _set_log_scale(panel)


def _draw_error_rates(panel: Axes, history: History) -> None:
    panel.set_title("greedy error rate on dev, %", loc="left")
    for (name, counted), colour in zip(history.error_rates.items(), cycle(_COLOURS)):
        curve = history.curves[name]
        percent = [100 * value for value in curve.values]
        best = min(range(len(percent)), key=percent.__getitem__)
        text = f"{counted} ({name[-3:].upper()}), best {percent[best]:.1f} at step {curve.steps[best] + 1:,}"
        panel.plot(curve.steps, percent, color=colour, marker="o", markersize=3, label=text)
        panel.plot(curve.steps[best], percent[best], color=colour, marker="o", markersize=9, fillstyle="none")
    panel.set_ylim(bottom=0)


def _draw_small(panel: Axes, curve: Curve | None, title: str, scale: float = 1.0, *, smooth: bool = True) -> Axes:
    panel.set_title(title, loc="left")
    panel.set_xlabel("optimiser steps")
    if curve is not None:
        values = [scale * value for value in curve.values]
        marker = "o" if len(values) < _FEW else ""
        if smooth:
            panel.plot(curve.steps, values, color=_TRAIN, alpha=0.3, linewidth=0.8)
        panel.plot(curve.steps, smoothed(values) if smooth else values, color=_TRAIN, marker=marker, markersize=3)
    return panel


def _set_log_scale(panel: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    panel.set_yscale("log")
    panel.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _place: f"{value:g}"))
    panel.yaxis.set_minor_formatter(NullFormatter())


def dress(panel: Axes) -> None:
    """Gives a panel its grid, takes away the frame, and adds a legend where something is labelled."""
    panel.grid(color="#e3e3e3", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.spines[["top", "right"]].set_visible(False)
    if panel.get_legend_handles_labels()[0]:
        panel.legend(frameon=False)


def smoothed(values: Sequence[float], window: int = 9) -> list[float]:
    """Returns the running median of each value and its neighbours.

    Args:
        values: values to smooth.
        window: number of values in each median, odd; larger is smoother.

    Example:
        >>> smoothed([1.0, 9.0, 1.0, 2.0], window=3)
        [5.0, 1.0, 2.0, 1.5]
    """
    half = window // 2
    return [float(np.median(values[max(0, index - half) : index + half + 1])) for index in range(len(values))]
