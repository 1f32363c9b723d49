"""Memory of recurrent cells, measured: learning over long lags, and how far a gradient reaches back."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, cast, get_args

import torch
from torch import Generator, Tensor, nn

from asr.errors import ConfigError, DataError
from asr.files import written_whole
from asr.models.cells.choice import Cell, CellOptions, make_cell
from asr.training.schedules import Constant, OneCycle
from tools.memory.tasks import MEMORY_TASKS, MemoryTask

_HELD_OUT = 500  # sequences that the loss is measured on, the same for every cell and seed
_HELD_OUT_SEED = 20_000
_AT_ONCE = 100  # of them
_GRADIENT_INPUT_DIM = 16


@dataclass(frozen=True)
class Trial:
    """One cell on one task.

    Attributes:
        task: "adding", "copy", "xor" or "gradient".
        cell: the kind of unit.
        length: frames between what is heard and what is asked for.
        chrono: whether gates begin with time scales up to ``length``.
        hidden_dim: units.
        seed: of weights and training sequences.
        batch_size: sequences of a step; for gradients, sequences that are averaged over.
        learning_rate: of Adam; with a cycle, its peak.
        max_gradient_norm: gradients are scaled down to it.
        cycle_steps: optimiser steps of the one cycle that the learning rate goes through; 0 keeps it constant.
    """

    task: str
    cell: str
    length: int
    chrono: bool = False
    hidden_dim: int = 128
    seed: int = 0
    batch_size: int = 50
    learning_rate: float = 1e-3
    max_gradient_norm: float = 1.0
    cycle_steps: int = 0

    @property
    def label(self) -> str:
        """The cell, and how it was initialised."""
        return f"{self.cell}_chrono" if self.chrono else self.cell

    def file(self, folder: str | Path) -> Path:
        """Returns the file of its result below a folder."""
        return Path(folder) / self.task / f"{self.label}_T{self.length}_seed{self.seed}.json"


@dataclass(frozen=True)
class Curve:
    """What a trial gave.

    Attributes:
        trial: its settings.
        places: optimiser steps, or lags in frames.
        values: held-out losses, or norms of the gradient.
        num_parameters: of cell and output layer; for gradients, of the cell.
        seconds: that it took.
    """

    trial: Trial
    places: tuple[int, ...]
    values: tuple[float, ...]
    num_parameters: int
    seconds: float

    def save(self, path: str | Path) -> None:
        """Writes it as JSON.

        Raises:
            DataError: if the file cannot be written.
        """
        with written_whole(path) as beside:
            beside.write_text(f"{json.dumps(asdict(self), indent=1)}\n", encoding="utf-8")


def read_curve(path: str | Path) -> Curve:
    """Reads what :meth:`Curve.save` wrote.

    Raises:
        DataError: if the file cannot be read or holds something else.
    """
    try:
        state: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
        places, values = tuple(state.pop("places")), tuple(state.pop("values"))
        return Curve(Trial(**state.pop("trial")), places, values, **state)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(path, f"is no curve of this study ({error})", "measure it again") from error


class MemoryNetwork(nn.Module):
    """A recurrent layer that reads ahead and a linear output."""

    def __init__(self, cell: nn.Module, input_dim: int, output_dim: int) -> None:
        """Puts an output layer on a cell."""
        super().__init__()
        self.cell = cell
        self.output = nn.Linear(run_cell(cell, torch.zeros(1, 1, input_dim)).size(2), output_dim)

    def forward(self, inputs: Tensor) -> Tensor:
        """Returns outputs, shape (B, T, O), for inputs (B, T, I)."""
        return self.output(run_cell(self.cell, inputs))  # type: ignore[no-any-return]


def run_cell(cell: nn.Module, inputs: Tensor) -> Tensor:
    """Returns hidden values, shape (B, T, D), for inputs (B, T, I)."""
    return cell(inputs)[0]  # type: ignore[no-any-return]


def cell_names() -> tuple[str, ...]:
    """Returns the names of all kinds of unit."""
    return get_args(Cell)


def build_cell(trial: Trial, input_dim: int) -> nn.Module:
    """Returns the cell of a trial; a projected one shows half of its units.

    Raises:
        ConfigError: if it has no gates that chrono initialisation could set.
    """
    options = CellOptions(
        projection_dim=trial.hidden_dim // 2 if trial.cell == "lstm_projected" else 0,
        chrono_steps=trial.length if trial.chrono else 0,
    )
    return make_cell(cast(Cell, trial.cell), input_dim, trial.hidden_dim, options)


def learn(trial: Trial, max_steps: int, goal: float = 0.0, report: Callable[[Curve], None] | None = None) -> Curve:
    """Trains a cell on a task and measures it on held-out sequences, again and again.

    Args:
        trial: what is tried.
        max_steps: optimiser steps.
        goal: held-out loss at which training ends early.
        report: called with the curve so far, whenever the loss has been measured.

    Raises:
        ConfigError: if the loss is no longer a number.
    """
    begun = time.monotonic()
    task = MEMORY_TASKS[trial.task]
    torch.manual_seed(trial.seed)
    network = MemoryNetwork(build_cell(trial, task.input_dim), task.input_dim, task.output_dim)
    optimizer = torch.optim.Adam(network.parameters(), lr=trial.learning_rate)
    shape = OneCycle() if trial.cycle_steps else Constant()
    schedule = shape(optimizer, trial.cycle_steps or max_steps)
    generator = torch.Generator().manual_seed(trial.seed)
    held_out = held_out_set(task, trial.length)
    curve = Curve(trial, (0,), (held_out_loss(network, task, *held_out),), num_parameters(network), 0.0)
    for step in range(1, max_steps + 1):
        _step(network, task, trial, optimizer, generator)
        schedule.step()
        if step % max(1, min(100, max_steps // 50)) == 0 or step == max_steps:
            loss = held_out_loss(network, task, *held_out)
            if not math.isfinite(loss):
                raise ConfigError("--learning-rate", f"the loss is {loss} after {step} steps", "lower it")
            places, values = (*curve.places, step), (*curve.values, loss)
            curve = replace(curve, places=places, values=values, seconds=time.monotonic() - begun)
            if report is not None:
                report(curve)
            if loss <= goal:
                break
    return curve


def _step(
    network: MemoryNetwork, task: MemoryTask, trial: Trial, optimizer: torch.optim.Optimizer, generator: Generator
) -> None:
    inputs, targets = task.draw(trial.batch_size, trial.length, generator)
    optimizer.zero_grad()
    task.loss(network(inputs), targets).backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), trial.max_gradient_norm)
    optimizer.step()


def held_out_set(task: MemoryTask, length: int) -> tuple[Tensor, Tensor]:
    """Returns the inputs, shape (B, T, I), and targets that losses are measured on, the same for every trial."""
    return task.draw(_HELD_OUT, length, torch.Generator().manual_seed(_HELD_OUT_SEED))


@torch.inference_mode()
def held_out_loss(network: nn.Module, task: MemoryTask, inputs: Tensor, targets: Tensor) -> float:
    """Returns the mean loss in evaluation mode over sequences, shape (B, T, I), and their targets, (B, ...)."""
    network.eval()
    parts = zip(torch.split(inputs, _AT_ONCE), torch.split(targets, _AT_ONCE), strict=True)
    losses = [float(task.loss(network(part), answers)) * len(part) for part, answers in parts]
    network.train()
    return sum(losses) / len(inputs)


def gradient_norms(trial: Trial) -> Curve:
    """Measures how much of a gradient arrives ``lag`` frames back, for an untrained cell that reads noise.

    The norm of ``d <v, h_T> / d x_{T - lag}`` over the input frame, v a random direction, in float64; the geometric
    mean over sequences. Where it is below the smallest float64 it is given as that. Measured in evaluation mode: the
    batch statistics of LiGRU in training mode tie all frames together, so that its gradient would never sink.

    **Source**: Hochreiter 1991; Bengio, Simard & Frasconi 1994 for its vanishing.
    """
    begun = time.monotonic()
    torch.manual_seed(trial.seed)
    cell = build_cell(trial, _GRADIENT_INPUT_DIM).double().eval()
    inputs = torch.randn(trial.batch_size, trial.length + 1, _GRADIENT_INPUT_DIM, dtype=torch.float64)
    last = run_cell(cell, inputs.requires_grad_())[:, -1]
    direction = nn.functional.normalize(torch.randn_like(last), dim=1)
    (gradient,) = torch.autograd.grad((last * direction).sum(), inputs)
    norms = gradient.norm(dim=2).clamp(min=torch.finfo(torch.float64).tiny).log().mean(dim=0).exp()  # (B, T, I) -> (T,)
    return Curve(
        trial,
        tuple(range(trial.length + 1)),
        tuple(norms.flip(0).tolist()),
        num_parameters(cell),
        time.monotonic() - begun,
    )


def num_parameters(module: nn.Module) -> int:
    """Counts the parameters of a module."""
    return sum(parameter.numel() for parameter in module.parameters())
