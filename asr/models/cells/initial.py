"""The initial weights of recurrent layers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from asr.errors import ConfigError


class KeepGate(NamedTuple):
    """The gate that keeps the memory.

    Attributes:
        position: of the gate among the rows of the biases.
        sign: 1 if a large bias keeps the memory, -1 if it replaces the memory.
        bias: initial value.
        entry: position of a separate input gate; None without one.
    """

    position: int
    sign: float
    bias: float
    entry: int | None = None


KEEP_GATES: dict[str, KeepGate] = {
    **dict.fromkeys(
        ("lstm", "lstm_peephole", "lstm_peephole_cell", "lstm_layer_norm", "lstm_projected", "conv_lstm"),
        KeepGate(position=1, sign=1.0, bias=1.0, entry=0),
    ),
    "lstm_coupled": KeepGate(position=0, sign=-1.0, bias=1.0),
    "gru": KeepGate(position=1, sign=1.0, bias=0.0),
    "ligru": KeepGate(position=0, sign=1.0, bias=0.0),
}


RECURRENT_GAINS: dict[str, float] = {"lstm_no_forget": 0.25, "lstm_peephole_cell": 0.25}
"""Gains of orthogonal recurrent weights that differ from 1.

A memory that only accumulates, or that is seen through full matrices without being squashed, is chaotic with a gain of
1: it amplifies rounding until a transcript depends on the size of the batch.
"""


PRODUCT_GAINS: dict[str, float] = {"lstm_layer_norm": 0.5}
"""Gains of normalised products that differ from 1.

The sum of two normalised products of variance 1 leaves the range in which gradients keep their size: in the layer-norm
LSTM they grow 10^11-fold in 1000 frames; with gains of 0.5, 4- or 5-fold in 200 (``tools/memory``).
"""


@dataclass(frozen=True)
class Initialisation:
    """Initial weights: by default orthogonal recurrent weights and a forget bias of 1.

    **Source**: orthogonal recurrent weights, Saxe et al. 2014; forget bias, Gers et al. 2000, Jozefowicz et al. 2015;
    chrono, Tallec & Ollivier 2018, section 3: forget bias log(u), input bias -log(u), u uniform in [1, T_max - 1];
    uniform weights, Graves, Mohamed & Hinton 2013 with 0.1.

    Attributes:
        forget_bias: bias of the gate that keeps the memory, in a GRU the update gate; None means 1 for LSTMs, 0 for
            GRUs, and a drawn value if all weights are drawn.
        chrono_steps: T_max, the longest time to remember in frames; 0 draws no time scales.
        init_range: all weights and biases are drawn from [-init_range, init_range]; 0 keeps the orthogonal ones.
    """

    forget_bias: float | None = None
    chrono_steps: int = 0
    init_range: float = 0.0

    def check(self, cell: str) -> None:
        """Raises a :class:`ConfigError` if the settings contradict each other or do not apply to a kind of unit."""
        where = f"cell {cell}"
        if self.chrono_steps and self.forget_bias is not None:
            raise ConfigError(where, "forget_bias and chrono_steps both set the same bias", "leave one of them out")
        if self.chrono_steps and self.chrono_steps < 3:
            raise ConfigError(where, f"chrono_steps is {self.chrono_steps}", "take 3 or more, or 0 for none")
        if not 0 <= self.init_range < math.inf:
            raise ConfigError(where, f"init_range is {self.init_range}", "take a positive one, or 0 for none")
        if cell not in KEEP_GATES and (self.chrono_steps or self.forget_bias is not None):
            found = "has no gate that keeps, and takes no forget_bias or chrono_steps"
            raise ConfigError(where, found, "leave them out")

    def apply(self, cell: str, module: nn.Module, hidden_dim: int) -> None:
        """Draws the weights of one direction of one layer.

        Args:
            cell: the kind of unit.
            module: its weights have the names of torch's modules.
            hidden_dim: rows of a gate.
        """
        for name, parameter in module.named_parameters():
            if self.init_range and not name.startswith("gain"):
                nn.init.uniform_(parameter, -self.init_range, self.init_range)
            else:
                _begin(name, parameter.data, hidden_dim, cell)
        keep = KEEP_GATES.get(cell)
        if keep is None:
            return
        bias: Tensor = module.bias_ih_l0.data  # type: ignore[assignment]
        if self.chrono_steps:
            scales = torch.empty(hidden_dim).uniform_(1.0, self.chrono_steps - 1.0).log()
            _gate(bias, keep.position, hidden_dim).copy_(keep.sign * scales)
            if keep.entry is not None:
                _gate(bias, keep.entry, hidden_dim).copy_(-scales)
        elif self.forget_bias is not None or not self.init_range:
            wanted = keep.bias if self.forget_bias is None else self.forget_bias
            _gate(bias, keep.position, hidden_dim).fill_(keep.sign * wanted)


def _gate(bias: Tensor, position: int, hidden_dim: int) -> Tensor:
    return bias[position * hidden_dim : (position + 1) * hidden_dim]


def _orthogonal_by_gate(weight: Tensor, hidden_dim: int, gain: float) -> None:
    for gate in torch.split(weight, hidden_dim):
        nn.init.orthogonal_(gate, gain)


def _begin(name: str, parameter: Tensor, hidden_dim: int, cell: str) -> None:
    """Initialises one parameter according to its name."""
    if name.startswith("weight_hh"):
        _orthogonal_by_gate(parameter, hidden_dim, RECURRENT_GAINS.get(cell, 1.0))
    elif name.startswith("weight"):
        nn.init.xavier_uniform_(parameter)
    elif name.startswith(("gain_ih", "gain_hh")):
        nn.init.constant_(parameter, PRODUCT_GAINS.get(cell, 1.0))
    elif name.startswith("gain"):
        nn.init.ones_(parameter)
    else:
        nn.init.zeros_(parameter)
