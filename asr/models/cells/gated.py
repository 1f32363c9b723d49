"""The plain RNN, the GRU and the light GRU."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asr.models.cells.cell import RecurrentCell, State
from asr.models.cells.hidden_recurrence import GruRecurrence, HiddenRecurrence, LightRecurrence, TanhRecurrence
from asr.models.cells.scan import scan

EPSILON = 1e-5
MOMENTUM = 0.05


class HiddenCell(RecurrentCell):
    """A cell whose hidden value is its only state."""

    num_gates: ClassVar[int]

    def _run(
        self,
        recurrence: HiddenRecurrence,
        weight: Tensor,
        projected: Tensor,
        bias: Tensor | None = None,
        *,
        hx: State | None = None,
    ) -> tuple[Tensor, Tensor]:
        num_frames, batch_size, _ = projected.shape
        output, state = scan(
            recurrence,
            {
                "projected": projected.view(num_frames, batch_size, self.num_gates, self.hidden_dim),
                "recurrent": weight,
                "bias_products": bias,
                "mask": self.mask(weight, batch_size, self.hidden_dim),
                "zone_hidden": self.zones(weight, num_frames, batch_size, self.hidden_dim),
                "first_hidden": hx[0] if hx is not None else None,
            },
        )
        return output.transpose(0, 1), state.unsqueeze(0)  # (T, B, H) -> (B, T, H)


class VanillaRNN(HiddenCell):
    """The plain tanh unit; names and layout of ``nn.RNN``'s weights.

    ``h_t = tanh(W x_t + b + U h_{t-1} + b')``

    **Source**: Elman 1990. ``nn.RNN`` is faster on GPU; this one supports zoneout and recurrent dropout.
    """

    num_gates = 1

    def __init__(self, input_dim: int, hidden_dim: int, zoneout: float = 0.0, recurrent_dropout: float = 0.0) -> None:
        """Creates the weights, all zero; the arguments are those of :class:`RecurrentCell`."""
        super().__init__(input_dim, hidden_dim, zoneout, recurrent_dropout)
        self.add_torch_weights(self.num_gates)

    def forward(self, frames: Tensor, hx: State | None = None) -> tuple[Tensor, Tensor]:
        """Runs over all frames; returns h, shape (B, T, H), and the last h, shape (1, B, H)."""
        projected = F.linear(frames.transpose(0, 1), self.weight_ih_l0, self.bias_ih_l0 + self.bias_hh_l0)
        return self._run(TanhRecurrence(), self.weight_hh_l0, projected, hx=hx)


class VanillaGRU(VanillaRNN):
    """The gated recurrent unit in torch's form; names and layout of ``nn.GRU``'s weights.

    ::

        r = sigma(W_r x_t + b_r + U_r h_{t-1} + b'_r)       z = sigma(W_z x_t + b_z + U_z h_{t-1} + b'_z)
        n = tanh(W_n x_t + b_n + r * (U_n h_{t-1} + b'_n))
        h_t = (1 - z) * n + z * h_{t-1}

    **Source**: Cho et al. 2014, with the reset gate after the product as in cuDNN and ``nn.GRU``. ``nn.GRU`` is faster
    on GPU; this one supports zoneout and recurrent dropout.
    """

    num_gates = 3

    def forward(self, frames: Tensor, hx: State | None = None) -> tuple[Tensor, Tensor]:
        """Runs over all frames; returns h, shape (B, T, H), and the last h, shape (1, B, H)."""
        projected = F.linear(frames.transpose(0, 1), self.weight_ih_l0, self.bias_ih_l0)
        return self._run(GruRecurrence(), self.weight_hh_l0, projected, self.bias_hh_l0, hx=hx)


class LiGRU(HiddenCell):
    """The light GRU: one gate, a rectifier, and input products normalised over the batch.

    ::

        z = sigma(BN(W_z x_t) + U_z h_{t-1})                n = max(0, BN(W_n x_t) + U_n h_{t-1})
        h_t = z * h_{t-1} + (1 - z) * n

    In training BN uses mean and variance of each value over the valid frames of the batch, so padding has no effect;
    in evaluation it uses their running averages, so an utterance does not depend on the rest of its batch.

    **Source**: Ravanelli et al. 2018, eq. 5-7; running averages with a momentum of 0.05.
    """

    takes_valid = True
    num_gates = 2
    running_mean: Tensor
    running_variance: Tensor

    def __init__(self, input_dim: int, hidden_dim: int, zoneout: float = 0.0, recurrent_dropout: float = 0.0) -> None:
        """Creates the weights, all zero, and BN's gains, all one; the arguments are those of :class:`RecurrentCell`."""
        super().__init__(input_dim, hidden_dim, zoneout, recurrent_dropout)
        rows = self.num_gates * hidden_dim
        self.weight_ih_l0 = nn.Parameter(torch.zeros(rows, input_dim))
        self.weight_hh_l0 = nn.Parameter(torch.zeros(rows, hidden_dim))
        self.gain_ih_l0 = nn.Parameter(torch.ones(rows))
        self.bias_ih_l0 = nn.Parameter(torch.zeros(rows))
        self.register_buffer("running_mean", torch.zeros(rows))
        self.register_buffer("running_variance", torch.ones(rows))

    def forward(self, frames: Tensor, hx: State | None = None, valid: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Runs over all frames.

        Args:
            frames: padded frames, shape (B, T, input_dim).
            hx: as for :class:`RecurrentCell`.
            valid: True for frames, False for padding, shape (B, T); None if there is no padding.

        Returns:
            h of all frames, shape (B, T, H), and of the last, shape (1, B, H).
        """
        projected = F.linear(frames.transpose(0, 1), self.weight_ih_l0).to(self.gain_ih_l0.dtype)
        if self.training:
            mean, variance = self._moments(projected, valid)
        else:
            mean, variance = self.running_mean, self.running_variance
        gain = self.gain_ih_l0 * torch.rsqrt(variance + EPSILON)
        normed = torch.addcmul(self.bias_ih_l0 - mean * gain, projected, gain)
        return self._run(LightRecurrence(), self.weight_hh_l0, normed, hx=hx)

    def _moments(self, projected: Tensor, valid: Tensor | None) -> tuple[Tensor, Tensor]:
        """Returns mean and variance over valid frames, shape (2 * H,), and updates the running averages."""
        if valid is None:
            weights = projected.new_ones(*projected.shape[:2], 1)
        else:
            weights = valid.t().unsqueeze(2).to(projected.dtype)
        count = weights.sum().clamp(min=1.0)
        mean = (projected * weights).sum((0, 1)) / count
        variance = ((projected - mean).square() * weights).sum((0, 1)) / count
        with torch.no_grad():
            unbiased = variance * (count / (count - 1.0).clamp(min=1.0))
            self.running_mean.lerp_(mean, MOMENTUM)
            self.running_variance.lerp_(unbiased, MOMENTUM)
        return mean, variance
