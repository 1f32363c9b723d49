"""The LSTM and its relatives with dense recurrent weights."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asr.models.cells.cell import RecurrentCell, State
from asr.models.cells.lstm_forward import Gating
from asr.models.cells.lstm_recurrence import LstmRecurrence
from asr.models.cells.scan import scan


class VanillaLSTM(RecurrentCell):
    """The LSTM with forget gate; names and layout of ``nn.LSTM``'s weights, so that either loads the other's.

    ::

        i = sigma(W_i x_t + U_i h_{t-1} + b_i)      f = sigma(W_f x_t + U_f h_{t-1} + b_f)
        g = tanh(W_g x_t + U_g h_{t-1} + b_g)       o = sigma(W_o x_t + U_o h_{t-1} + b_o)
        c_t = f * c_{t-1} + i * g                   h_t = o * tanh(c_t)

    **Source**: Hochreiter & Schmidhuber 1997; forget gate, Gers, Schmidhuber & Cummins 2000. ``nn.LSTM`` is faster on
    GPU; this one supports zoneout and recurrent dropout.
    """

    gating: ClassVar[Gating] = "forget"
    num_gates: ClassVar[int] = 4

    def __init__(self, input_dim: int, hidden_dim: int, zoneout: float = 0.0, recurrent_dropout: float = 0.0) -> None:
        """Creates the weights, all zero; the arguments are those of :class:`RecurrentCell`."""
        super().__init__(input_dim, hidden_dim, zoneout, recurrent_dropout)
        self.add_torch_weights(self.num_gates)

    def forward(self, frames: Tensor, hx: State | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Runs over all frames; returns h, shape (B, T, H), and the last h and c, shape (1, B, H)."""
        return self._run(frames, LstmRecurrence(self.gating), hx)

    def project(self, frames: Tensor) -> Tensor:
        """Returns the input products of all frames, shape (T, B, G * H)."""
        return F.linear(frames.transpose(0, 1), self.weight_ih_l0, self.bias_ih_l0 + self.bias_hh_l0)

    def _run(
        self, frames: Tensor, recurrence: LstmRecurrence, hx: State | None, **own: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        hidden, memory = hx if hx is not None else (None, None)
        batch_size, num_frames, _ = frames.shape
        recurrent, output_dim = self.weight_hh_l0, self.weight_hh_l0.size(1)
        output, memory = scan(
            recurrence,
            {
                "projected": self.project(frames).view(num_frames, 1, batch_size, self.num_gates, self.hidden_dim),
                "recurrent": recurrent.unsqueeze(0),
                "mask": self.mask(recurrent, 1, batch_size, output_dim),
                "zone_cell": self.zones(recurrent, num_frames, 1, batch_size, self.hidden_dim),
                "zone_hidden": self.zones(recurrent, num_frames, 1, batch_size, output_dim),
                "first_hidden": hidden,
                "first_memory": memory,
                **own,
            },
        )
        return output.squeeze(1).transpose(0, 1), (output[-1], memory)  # (T, 1, B, R) -> (B, T, R)


class UnforgettingLSTM(VanillaLSTM):
    """The LSTM of 1997, without forget gate: the memory only accumulates; gates in the order i, g, o.

    ::

        c_t = c_{t-1} + i * g                       h_t = o * tanh(c_t)

    **Source**: Hochreiter & Schmidhuber 1997, with tanh for both of their squashing functions and the full gradient in
    place of the truncated one.
    """

    gating = "never"
    num_gates = 3


class CoupledLSTM(VanillaLSTM):
    """The LSTM with coupled input and forget gates: one gate for both; gates in the order i, g, o.

    ::

        c_t = (1 - i) * c_{t-1} + i * g             h_t = o * tanh(c_t)

    **Source**: Greff et al. 2017, "CIFG".
    """

    gating = "coupled"
    num_gates = 3


class PeepholeLSTM(VanillaLSTM):
    """The peephole LSTM of Gers and Graves: gates see x_t, h_{t-1} and, unit by unit, the memory.

    ::

        i = sigma(W_i x_t + U_i h_{t-1} + p_i * c_{t-1} + b_i)
        f = sigma(W_f x_t + U_f h_{t-1} + p_f * c_{t-1} + b_f)
        c_t = f * c_{t-1} + i * tanh(W_g x_t + U_g h_{t-1} + b_g)
        o = sigma(W_o x_t + U_o h_{t-1} + p_o * c_t + b_o)
        h_t = o * tanh(c_t)

    With peepholes of zero it is ``nn.LSTM``, and its other weights have the same names. The form without h_{t-1} is
    :class:`MemoryGatedLSTM`.

    **Source**: Gers, Schraudolph & Schmidhuber 2002; Graves, Mohamed & Hinton 2013, eq. 3-7 (diagonal weights).
    """

    def __init__(self, input_dim: int, hidden_dim: int, zoneout: float = 0.0, recurrent_dropout: float = 0.0) -> None:
        """Creates the weights; ``peephole_l0`` holds p_i, p_f and p_o, shape (3, H)."""
        super().__init__(input_dim, hidden_dim, zoneout, recurrent_dropout)
        self.peephole_l0 = nn.Parameter(torch.zeros(3, hidden_dim))

    def forward(self, frames: Tensor, hx: State | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Runs over all frames; returns h, shape (B, T, H), and the last h and c, shape (1, B, H)."""
        return self._run(frames, LstmRecurrence(), hx, peepholes=self.peephole_l0.view(1, 1, 3, -1))


class MemoryGatedLSTM(VanillaLSTM):
    """The peephole LSTM of some texts: all gates see c_{t-1} through full matrices, and nothing sees h_{t-1}.

    ::

        f = sigma(W_f x_t + U_f c_{t-1} + b_f)      i = sigma(W_i x_t + U_i c_{t-1} + b_i)
        o = sigma(W_o x_t + U_o c_{t-1} + b_o)
        c_t = f * c_{t-1} + i * tanh(W_c x_t + U_c c_{t-1} + b_c)
        h_t = o * tanh(c_t)

    ``weight_hh_l0`` holds U in the order i, f, c, o. The form with h_{t-1} and diagonal weights is
    :class:`PeepholeLSTM`. Recurrent dropout clears values of c_{t-1} in the products only, never in the memory.

    **Source**: encyclopedias and tutorials attribute this form to Gers & Schmidhuber 2001, whose units see h_{t-1} too.
    """

    def forward(self, frames: Tensor, hx: State | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Runs over all frames; returns h, shape (B, T, H), and the last h and c, shape (1, B, H)."""
        return self._run(frames, LstmRecurrence(memory_only=True), hx)


class ProjectedLSTM(VanillaLSTM):
    """The LSTM with fewer hidden values than memory values; names and layout of ``nn.LSTM(proj_size=R)``'s weights.

    ::

        c_t as in the LSTM                          h_t = W_r (o * tanh(c_t))

    **Source**: Sak, Senior & Beaufays 2014, without the non-recurrent projection. On CPU torch's own module has no fast
    path, warns about it, and records each frame in autograd.
    """

    def __init__(
        self, input_dim: int, hidden_dim: int, projection_dim: int, zoneout: float = 0.0, recurrent_dropout: float = 0.0
    ) -> None:
        """Creates the weights; ``projection_dim`` is R, and ``weight_hr_l0`` has shape (R, H)."""
        super().__init__(input_dim, hidden_dim, zoneout, recurrent_dropout)
        self.weight_hh_l0 = nn.Parameter(torch.zeros(4 * hidden_dim, projection_dim))
        self.weight_hr_l0 = nn.Parameter(torch.zeros(projection_dim, hidden_dim))

    def forward(self, frames: Tensor, hx: State | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Runs over all frames; returns h, shape (B, T, R), and the last h (1, B, R) and c (1, B, H)."""
        return self._run(frames, LstmRecurrence(), hx, projection=self.weight_hr_l0)
