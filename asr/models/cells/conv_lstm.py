"""The peephole LSTM that convolves over frequency."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asr.errors import ConfigError
from asr.models.cells.cell import RecurrentCell, State
from asr.models.cells.lstm_recurrence import LstmRecurrence
from asr.models.cells.scan import scan


class ConvLSTM(RecurrentCell):
    """The peephole LSTM with a convolution over frequency in place of each matrix.

    The equations are those of :class:`asr.models.cells.lstm.PeepholeLSTM`, where each matrix W or U becomes a
    convolution over bins with zeros at both ends, and each peephole p has a weight for each bin and channel. The values
    of a frame lie bin after bin, all channels of a bin together, in and out, as the convolutional subsampling orders
    them. With a kernel of 1 on one bin it is the peephole LSTM.

    **Source**: Shi et al. 2015, eq. 3, over frequency instead of the two axes of an image.

    Args besides those of :class:`RecurrentCell`:
        num_bins: bins F; they divide ``input_dim`` and ``hidden_dim`` into channels.
        kernel_size: bins that a convolution sees, K.

    Raises:
        ConfigError: a width is not a multiple of the bins, or the kernel is even.
    """

    def __init__(
        self,
        input_dim: int,
        hidden_dim: int,
        num_bins: int,
        kernel_size: int = 3,
        zoneout: float = 0.0,
        recurrent_dropout: float = 0.0,
    ) -> None:
        super().__init__(input_dim, hidden_dim, zoneout, recurrent_dropout)
        for name, width in (("input_dim", input_dim), ("hidden_dim", hidden_dim)):
            if width % num_bins:
                found = f"{name} {width} is not a multiple of the {num_bins} frequency bins"
                raise ConfigError("cell conv_lstm", found, f"take a multiple of {num_bins}")
        if kernel_size % 2 == 0:
            raise ConfigError("cell conv_lstm", f"kernel_size {kernel_size} is even", "take an odd one")
        self.num_bins, self.channels = num_bins, hidden_dim // num_bins
        self.gate_rows = self.channels
        self.weight_ih_l0 = nn.Parameter(torch.zeros(4 * self.channels, input_dim // num_bins, kernel_size))
        self.weight_hh_l0 = nn.Parameter(torch.zeros(4 * self.channels, self.channels, kernel_size))
        self.bias_ih_l0 = nn.Parameter(torch.zeros(4 * self.channels))
        self.peephole_l0 = nn.Parameter(torch.zeros(3, num_bins, self.channels))

    def project(self, frames: Tensor) -> Tensor:
        """Returns the input products of all frames, shape (T, F, B, 4, C): one matrix product over stacked windows."""
        bins, taps = self.num_bins, self.weight_ih_l0.size(2)
        image = frames.view(*frames.shape[:2], bins, -1).permute(1, 2, 0, 3)  # (B, T, F * *) -> (T, F, B, *)
        padded = F.pad(image, (0, 0, 0, 0, taps // 2, taps // 2))
        windows = torch.cat([padded[:, tap : tap + bins] for tap in range(taps)], dim=3)
        products = F.linear(windows, self.weight_ih_l0.permute(0, 2, 1).flatten(1), self.bias_ih_l0)
        return products.view(*products.shape[:3], 4, self.channels)

    def forward(self, frames: Tensor, hx: State | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Runs over all frames; returns h, shape (B, T, F * C), and the last h and c, shape (1, B, F * C)."""
        batch_size, num_frames, _ = frames.shape
        shape = (self.num_bins, batch_size, self.channels)
        weight = self.weight_hh_l0
        hidden, before = (None, None) if hx is None else (self._by_bin(value) for value in hx)
        output, memory = scan(
            LstmRecurrence(),
            {
                "projected": self.project(frames),
                "recurrent": weight.permute(2, 0, 1),
                "peepholes": self.peephole_l0.permute(1, 0, 2).unsqueeze(1),
                "mask": self.mask(weight, *shape),
                "zone_cell": self.zones(weight, num_frames, *shape),
                "zone_hidden": self.zones(weight, num_frames, *shape),
                "first_hidden": hidden,
                "first_memory": before,
            },
        )
        last, memory = (value.transpose(0, 1).flatten(1).unsqueeze(0) for value in (output[-1], memory))
        return output.permute(2, 0, 1, 3).flatten(2), (last, memory)  # (T, F, B, C) -> (B, T, F * C)

    def _by_bin(self, values: Tensor) -> Tensor:
        return values.view(-1, self.num_bins, self.channels).transpose(0, 1)  # (1, B, F * C) -> (F, B, C)
