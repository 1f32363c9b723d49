"""Pictures of what the memory tests measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from asr.files import written_whole
from asr.training.memory import Curve
from asr.training.memory_tasks import MEMORY_TASKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = (
    "#c8452f",
    "#2f6f8f",
    "#5a8f3c",
    "#8e5ea2",
    "#d98c2b",
    "#4c4c4c",
    "#1b9e9e",
    "#b05a7a",
    "#7a8ba6",
    "#9c7a3c",
)
_SMALLEST = 1e-12  # what a picture still shows of a gradient


def draw_curves(curves: Sequence[Curve], path: str | Path) -> None:
    """Draws the curves of one task: a panel for each length, a line for each trial.

    Args:
        curves: of one task, at least one.
        path: image file; its ending says the format.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lengths = sorted({curve.trial.length for curve in curves})
    cells = sorted({curve.trial.cell for curve in curves})
    colours = {cell: _COLOURS[place % len(_COLOURS)] for place, cell in enumerate(cells)}
    figure = Figure(figsize=(1 + 6 * len(lengths), 5), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(lengths), squeeze=False)[0]
    for panel, length in zip(panels, lengths, strict=True):
        chosen = [curve for curve in curves if curve.trial.length == length]
        draw = _draw_gradients if chosen[0].trial.task == "gradient" else _draw_losses
        draw(panel, chosen, colours)
        panel.set_yscale("log")
        panel.grid(color="#e3e3e3", linewidth=0.6)
        panel.spines[["top", "right"]].set_visible(False)
        panel.legend(frameon=False, fontsize=8)
    with written_whole(path) as beside:
        figure.savefig(beside, dpi=120)


def _draw_losses(panel: Axes, curves: Sequence[Curve], colours: dict[str, str]) -> None:
    trial = curves[0].trial
    task = MEMORY_TASKS[trial.task]
    panel.set_title(f"{trial.task}, T = {trial.length}: held-out loss ({task.loss_name})", loc="left", fontsize=10)
    panel.set_xlabel("optimiser steps")
    for curve in curves:
        _draw_line(panel, curve, curve.values, colours)
    panel.axhline(task.baseline(trial.length), color="#4c4c4c", linewidth=0.8, linestyle=":", label="without memory")


def _draw_gradients(panel: Axes, curves: Sequence[Curve], colours: dict[str, str]) -> None:
    panel.set_title("norm of the gradient, relative to lag 0, before training", loc="left", fontsize=10)
    panel.set_xlabel("lag in frames")
    for curve in curves:
        _draw_line(panel, curve, relative(curve.values), colours)
    panel.set_ylim(bottom=_SMALLEST)


def _draw_line(panel: Axes, curve: Curve, values: Sequence[float], colours: dict[str, str]) -> None:
    trial = curve.trial
    name = f"{trial.cell}{', chrono' if trial.chrono else ''}, seed {trial.seed}"
    style = "-" if trial.chrono else "--"
    panel.plot(curve.places, values, color=colours[trial.cell], linestyle=style, linewidth=1.2, label=name)


def relative(values: Sequence[float]) -> list[float]:
    """Gives values as shares of the first.

    Example:
        >>> relative([4.0, 2.0, 1.0])
        [1.0, 0.5, 0.25]
    """
    return [value / values[0] for value in values]
