"""Pictures of what the memory tests measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.files import written_whole
from tools.memory.study import Curve, Trial
from tools.memory.tasks import MEMORY_TASKS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = (  # each at least 30 apart from every other in CIE L*a*b*
    "#d62728",
    "#1f5fbf",
    "#2e9e3f",
    "#8546b0",
    "#f28e1c",
    "#1a1a1a",
    "#17b5cf",
    "#ef7fbf",
    "#8a4b1f",
    "#c9b400",
    "#8c8c8c",
)
_SMALLEST = 1e-12  # what a picture still shows of a gradient


def draw_curves(curves: Sequence[Curve], path: str | Path) -> None:
    """Draws the curves of one task: a panel for each length, a line for each trial; seeds are named if they differ.

    Args:
        curves: of one task, at least one.
        path: image file; its ending says the format.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lengths = sorted({curve.trial.length for curve in curves})
    styles = _styles([curve.trial for curve in curves])
    figure = Figure(figsize=(1 + 8 * len(lengths), 5), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(lengths), squeeze=False)[0]
    for panel, length in zip(panels, lengths, strict=True):
        chosen = [curve for curve in curves if curve.trial.length == length]
        draw = _draw_gradients if chosen[0].trial.task == "gradient" else _draw_losses
        draw(panel, chosen, styles)
        panel.set_yscale("log")
        panel.grid(color="#e3e3e3", linewidth=0.6)
        panel.spines[["top", "right"]].set_visible(False)
        panel.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    with written_whole(path) as beside:
        figure.savefig(beside, dpi=120)


def _styles(trials: Sequence[Trial]) -> dict[Trial, dict[str, Any]]:
    """Returns a colour for each cell, a line style for its initialisation, and a name that tells trials apart."""
    cells = sorted({trial.cell for trial in trials})
    with_seeds = len({trial.seed for trial in trials}) > 1
    return {
        trial: {
            "color": _COLOURS[cells.index(trial.cell) % len(_COLOURS)],
            "linestyle": "-" if trial.chrono else "--",
            "label": trial.cell + ", chrono" * trial.chrono + f", seed {trial.seed}" * with_seeds,
        }
        for trial in trials
    }


def _draw_losses(panel: Axes, curves: Sequence[Curve], styles: dict[Trial, dict[str, Any]]) -> None:
    trial = curves[0].trial
    task = MEMORY_TASKS[trial.task]
    panel.set_title(f"{trial.task}, T = {trial.length}: held-out loss ({task.loss_name})", loc="left", fontsize=10)
    panel.set_xlabel("optimiser steps")
    for curve in curves:
        panel.plot(curve.places, curve.values, linewidth=1.2, **styles[curve.trial])
    panel.axhline(task.baseline(trial.length), color="#4c4c4c", linewidth=0.8, linestyle=":", label="without memory")


def _draw_gradients(panel: Axes, curves: Sequence[Curve], styles: dict[Trial, dict[str, Any]]) -> None:
    panel.set_title("norm of the gradient, relative to lag 0, before training", loc="left", fontsize=10)
    panel.set_xlabel("lag in frames")
    for curve in curves:
        panel.plot(curve.places, relative(curve.values), linewidth=1.2, **styles[curve.trial])
    panel.set_ylim(bottom=_SMALLEST)


def relative(values: Sequence[float]) -> list[float]:
    """Returns values as shares of the first.

    Example:
        >>> relative([4.0, 2.0, 1.0])
        [1.0, 0.5, 0.25]
    """
    return [value / values[0] for value in values]
