"""The layer-norm LSTM."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asr.models.cells.lstm import State, VanillaLSTM
from asr.models.cells.norm_recurrence import EPSILON, LayerNormRecurrence


class LayerNormLSTM(VanillaLSTM):
    """The LSTM with normalised products and a normalised view of its memory.

    ::

        (i, f, g, o) = LN(U h_{t-1}; q) + LN(W x_t; p) + b      each over all four gates at once, with gains q and p
        c_t = sigma(f) * c_{t-1} + sigma(i) * tanh(g)
        h_t = sigma(o) * tanh(LN(c_t; r, s))

    **Source**: Ba, Kiros & Hinton 2016, eq. 20-22; the shifts of the first two norms and b are one sum, and stand in
    the two biases of ``nn.LSTM``.
    """

    def __init__(self, input_dim: int, hidden_dim: int, zoneout: float = 0.0, recurrent_dropout: float = 0.0) -> None:
        """Makes the weights, zero, and the gains, one.

        Args:
            input_dim: width of its input, D.
            hidden_dim: units, H.
            zoneout: probability of keeping an old value of c and h.
            recurrent_dropout: probability of clearing a value of h_{t-1} for a whole sequence.
        """
        super().__init__(input_dim, hidden_dim, zoneout, recurrent_dropout)
        self.gain_ih_l0 = nn.Parameter(torch.ones(4 * hidden_dim))
        self.gain_hh_l0 = nn.Parameter(torch.ones(4 * hidden_dim))
        self.gain_memory_l0 = nn.Parameter(torch.ones(hidden_dim))
        self.bias_memory_l0 = nn.Parameter(torch.zeros(hidden_dim))

    def project(self, frames: Tensor) -> Tensor:
        """Gives the normalised input products of all frames, shape (T, B, 4 * H)."""
        products, bias = F.linear(frames.transpose(0, 1), self.weight_ih_l0), self.bias_ih_l0 + self.bias_hh_l0
        return F.layer_norm(products, self.gain_ih_l0.shape, self.gain_ih_l0, bias, EPSILON)

    def forward(self, frames: Tensor) -> tuple[Tensor, State]:
        """Runs over all frames; gives h, shape (B, T, H), and the last h and c, shape (1, B, H)."""
        return self._run(
            frames,
            LayerNormRecurrence(),
            gain_products=self.gain_hh_l0,
            gain_memory=self.gain_memory_l0,
            bias_memory=self.bias_memory_l0,
        )
