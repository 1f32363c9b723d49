"""The kinds of unit by name, and their options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypedDict

from torch import nn

from asr.errors import ConfigError
from asr.models.cells.cell import RecurrentCell
from asr.models.cells.conv_lstm import ConvLSTM
from asr.models.cells.gated import LiGRU, VanillaGRU, VanillaRNN
from asr.models.cells.initial import Initialisation
from asr.models.cells.layer_norm import LayerNormLSTM
from asr.models.cells.lstm import (
    CoupledLSTM,
    MemoryGatedLSTM,
    PeepholeLSTM,
    ProjectedLSTM,
    UnforgettingLSTM,
    VanillaLSTM,
)

Cell = Literal[
    "rnn",
    "gru",
    "ligru",
    "lstm",
    "lstm_no_forget",
    "lstm_coupled",
    "lstm_peephole",
    "lstm_peephole_cell",
    "lstm_layer_norm",
    "lstm_projected",
    "conv_lstm",
]

_NATIVE: dict[Cell, type[nn.RNNBase]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
_OWN: dict[Cell, type[RecurrentCell]] = {
    "rnn": VanillaRNN,
    "gru": VanillaGRU,
    "ligru": LiGRU,
    "lstm": VanillaLSTM,
    "lstm_no_forget": UnforgettingLSTM,
    "lstm_coupled": CoupledLSTM,
    "lstm_peephole": PeepholeLSTM,
    "lstm_peephole_cell": MemoryGatedLSTM,
    "lstm_layer_norm": LayerNormLSTM,
    "lstm_projected": ProjectedLSTM,
    "conv_lstm": ConvLSTM,
}

CELLS: Mapping[type[nn.Module], Cell] = MappingProxyType(
    {module: cell for cells in (_NATIVE, _OWN) for cell, module in cells.items()}
)
"""The kind of unit of each class."""


class CellKeywords(TypedDict, total=False):
    """The fields of :class:`CellOptions` that encoders take as keywords."""

    zoneout: float
    recurrent_dropout: float
    projection_dim: int
    kernel_size: int
    forget_bias: float | None
    chrono_steps: int
    init_range: float


@dataclass(frozen=True)
class CellOptions:
    """Options of a unit, whatever its kind; see :class:`Initialisation` for the last three.

    Attributes:
        num_bins: frequency bins of "conv_lstm"; ignored by the other kinds.
        zoneout: probability that a unit keeps its old value in training (Krueger et al. 2017).
        recurrent_dropout: probability that a value of h_{t-1} is cleared for a whole utterance in training.
        projection_dim: hidden values of "lstm_projected", the only kind that takes it; 0 means half of its memory.
        kernel_size: frequency bins that a convolution of "conv_lstm" sees; ignored by the other kinds.
        forget_bias: initial bias of the gates that keep the memory; None means 1 for LSTMs and 0 for GRUs.
        chrono_steps: longest time to remember in frames, from which those biases are drawn; 0 draws none.
        init_range: initial weights are drawn from [-init_range, init_range]; 0 makes them orthogonal.
    """

    num_bins: int = 1
    zoneout: float = 0.0
    recurrent_dropout: float = 0.0
    projection_dim: int = 0
    kernel_size: int = 3
    forget_bias: float | None = None
    chrono_steps: int = 0
    init_range: float = 0.0

    @property
    def initial(self) -> Initialisation:
        """The weights that training begins with."""
        return Initialisation(self.forget_bias, self.chrono_steps, self.init_range)

    def output_dim(self, cell: Cell, hidden_dim: int) -> int:
        """Returns the number of hidden values in one direction of a kind of unit."""
        return (self.projection_dim or hidden_dim // 2) if cell == "lstm_projected" else hidden_dim


def make_cell(cell: Cell, input_dim: int, hidden_dim: int, options: CellOptions | None = None) -> nn.Module:
    """Returns one direction of one layer: torch's own module where it has the unit, otherwise ours.

    Zoneout and recurrent dropout need our own "lstm", "gru" and "rnn", whose weights have the names and the layout of
    torch's, so that a checkpoint runs with or without them.

    Args:
        cell: the kind of unit; "rnn" is the plain tanh unit.
        input_dim: width of its input.
        hidden_dim: units.
        options: of the unit; None means the defaults.

    Returns:
        A module from (B, T, input_dim) to (B, T, hidden_dim) and its last state.

    Raises:
        ConfigError: an option does not apply to the kind of unit.
    """
    options = CellOptions() if options is None else options
    options.initial.check(cell)
    module = _make(cell, input_dim, hidden_dim, options)
    options.initial.apply(cell, module, module.gate_rows if isinstance(module, RecurrentCell) else hidden_dim)
    return module


def _make(cell: Cell, input_dim: int, hidden_dim: int, options: CellOptions) -> nn.Module:
    noise = {"zoneout": options.zoneout, "recurrent_dropout": options.recurrent_dropout}
    if cell == "lstm_projected":
        projection_dim = options.output_dim(cell, hidden_dim)
        if not 0 < projection_dim < hidden_dim:
            found = f"projection_dim is {projection_dim} and hidden_dim {hidden_dim}"
            raise ConfigError("cell lstm_projected", found, "set a projection_dim from 1 to below hidden_dim")
        return ProjectedLSTM(input_dim, hidden_dim, projection_dim, **noise)
    if options.projection_dim:
        raise ConfigError(f"cell {cell}", "takes no projection_dim", "leave it out, or take lstm_projected")
    if cell == "conv_lstm":
        return ConvLSTM(input_dim, hidden_dim, options.num_bins, options.kernel_size, **noise)
    if cell in _NATIVE and not any(noise.values()):
        return _NATIVE[cell](input_dim, hidden_dim, batch_first=True)  # type: ignore[call-arg,arg-type]
    return _OWN[cell](input_dim, hidden_dim, **noise)
