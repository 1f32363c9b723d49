"""Gates and memory of a trained recurrent layer, computed by the equations of the papers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from asr.models.cells.cell import RecurrentCell
from asr.models.cells.choice import CELLS
from asr.models.cells.conv_lstm import ConvLSTM
from asr.models.cells.lstm import VanillaLSTM
from asr.models.cells.reference import Noise, unroll


@dataclass(frozen=True, eq=False)
class Trace:
    """One direction of one layer over an utterance of N frames, in reading order.

    Attributes:
        hidden: output, shape (N, R).
        memory: cell states, shape (N, H).
        entry: input gates, between 0 and 1, shape (N, H).
        forget: forget gates, shape (N, H): 1 keeps the memory as it is.
        opening: output gates, shape (N, H).
    """

    hidden: Tensor
    memory: Tensor
    entry: Tensor
    forget: Tensor
    opening: Tensor

    def reversed(self) -> Trace:
        """Returns the trace in order of time, for a direction that reads backwards."""
        return Trace(*(value.flip(0) for value in vars(self).values()))


def has_carousel(module: nn.Module) -> bool:
    """Returns whether a module is a cell of the LSTM family."""
    return isinstance(module, nn.LSTM | VanillaLSTM | ConvLSTM)


@torch.no_grad()
def trace(module: nn.Module, frames: Tensor) -> Trace:
    """Runs a cell frame by frame by its equations; see :mod:`asr.models.cells.reference`.

    Args:
        module: one direction of one layer, of the LSTM family, in evaluation mode; see :func:`has_carousel`.
        frames: its input, shape (N, D).
    """
    weights: dict[str, Tensor] = dict(module.named_parameters())
    assert isinstance(module, RecurrentCell | nn.LSTM)
    hidden_dim = module.hidden_dim if isinstance(module, RecurrentCell) else module.hidden_size
    projection = weights.get("weight_hr_l0")
    noise = Noise()
    if isinstance(module, RecurrentCell) and module.zoneout:
        noise.zones = [frames.new_full((len(frames), 1, 1), module.zoneout)] * 2
    output_dim = hidden_dim if projection is None else len(projection)
    after = unroll(CELLS[type(module)], weights, frames[None], hidden_dim, output_dim, noise)
    return Trace(after.hidden[0], after.memory[0], *(gate[0] for gate in after.gates))
