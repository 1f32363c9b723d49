"""What all cells of our own share: names of weights, zoneout, recurrent dropout."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from asr.errors import ConfigError

State = Tensor | tuple[Tensor, Tensor]
"""Hidden values of a frame, shape (1, B, R), or these and the memory, shape (1, B, H), as in torch's modules."""


class RecurrentCell(nn.Module, ABC):
    """One direction of one layer, in place of ``nn.LSTM(..., batch_first=True)``.

    Zoneout keeps each unit's old value with probability z in training and takes the expected value in evaluation:
    s_t = z s_{t-1} + (1 - z) n_t. Recurrent dropout clears the same values of h_{t-1} at every frame of an utterance,
    in the recurrent products alone, and scales the others by 1 / (1 - p); it is off in evaluation. Each call draws new
    masks, so each direction has its own.

    **Source**: zoneout, Krueger et al. 2017, eq. 5 (here with one probability for memory and hidden values); one mask
    per sequence, Gal & Ghahramani 2016, Semeniuta et al. 2016.

    Args:
        input_dim: width of its input, D.
        hidden_dim: units, H.
        zoneout: probability z of keeping an old value.
        recurrent_dropout: probability p of clearing a value of h_{t-1} for a whole sequence.

    Raises:
        ConfigError: a probability is not in [0, 1).

    Attributes:
        takes_valid: whether :meth:`forward` takes the validity of frames, (B, T), for statistics of the batch.
        gate_rows: rows of each gate in the weights.
        num_bins: frequency bins by which its values are ordered; 1 if there are none.
    """

    takes_valid: ClassVar[bool] = False

    def __init__(self, input_dim: int, hidden_dim: int, zoneout: float = 0.0, recurrent_dropout: float = 0.0) -> None:
        super().__init__()
        for name, probability in (("zoneout", zoneout), ("recurrent_dropout", recurrent_dropout)):
            if not 0.0 <= probability < 1.0:
                raise ConfigError("recurrent cell", f"{name} is {probability}", "take a probability from 0 to below 1")
        self.input_dim, self.hidden_dim = input_dim, hidden_dim
        self.gate_rows, self.num_bins = hidden_dim, 1
        self.zoneout, self.recurrent_dropout = zoneout, recurrent_dropout

    @abstractmethod
    def forward(self, frames: Tensor, hx: State | None = None) -> tuple[Tensor, State]:
        """Runs over padded frames.

        Args:
            frames: shape (B, T, input_dim).
            hx: the state before the first frame, in the form in which it is returned; None for zero.

        Returns:
            Frames, shape (B, T, H), and the state after the last frame, padding or not, in the form of torch's modules.
        """

    def extra_repr(self) -> str:
        """Returns the settings for the printed form."""
        noise = f", zoneout={self.zoneout}, recurrent_dropout={self.recurrent_dropout}"
        return f"{self.input_dim}, {self.hidden_dim}{noise if self.zoneout or self.recurrent_dropout else ''}"

    def add_torch_weights(self, num_gates: int) -> None:
        """Creates weights, all zero, with the names and the layout of torch's module of so many gates."""
        rows = num_gates * self.hidden_dim
        self.weight_ih_l0 = nn.Parameter(torch.zeros(rows, self.input_dim))
        self.weight_hh_l0 = nn.Parameter(torch.zeros(rows, self.hidden_dim))
        self.bias_ih_l0 = nn.Parameter(torch.zeros(rows))
        self.bias_hh_l0 = nn.Parameter(torch.zeros(rows))

    def zones(self, like: Tensor, *shape: int) -> Tensor | None:
        """Draws the values that zoneout keeps, or returns the expectation in evaluation; None without zoneout.

        Args:
            like: has the type and the device.
            shape: frames first.
        """
        if not self.zoneout:
            return None
        if self.training:
            return (torch.rand(shape, device=like.device) < self.zoneout).to(like.dtype)
        return like.new_tensor(self.zoneout).expand(shape)

    def mask(self, like: Tensor, *shape: int) -> Tensor | None:
        """Draws the mask of a sequence's recurrent dropout, zeros and 1 / (1 - p); None if it is off.

        Args:
            like: has the type and the device.
            shape: without frames.
        """
        if not (self.recurrent_dropout and self.training):
            return None
        kept = torch.rand(shape, device=like.device) >= self.recurrent_dropout
        return kept.to(like.dtype) / (1.0 - self.recurrent_dropout)
