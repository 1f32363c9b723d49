"""Encoders: features to encoded frames."""

from __future__ import annotations

from functools import partial
from typing import Unpack

from torch import Tensor

from asr.errors import ConfigError
from asr.models.cells.choice import Cell, CellKeywords, CellOptions
from asr.models.recurrent import RecurrentLayer, RecurrentStack
from asr.models.subsampled import SubsampledEncoder


class RecurrentEncoder(SubsampledEncoder):
    """Subsampling, then a stack of recurrent layers: the deep bidirectional LSTM of this project.

    **Source**: Graves, Mohamed & Hinton 2013, optionally after the convolutions of Amodei et al. 2016.

    Args besides those of :class:`SubsampledEncoder` and :class:`RecurrentStack`:
        dropout: share of values dropped after the subsampling and after each layer.
        bptt_frames: encoder frames of a chunk in training, after which gradients are cut; 0 cuts none.
        options: of the units of all layers; see :class:`CellOptions`.

    Raises:
        ConfigError: settings contradict each other or do not apply to the kind of unit.
    """

    def __init__(
        self,
        feature_dim: int,
        hidden_dim: int,
        num_layers: int,
        cell: Cell = "lstm",
        bidirectional: bool = True,
        time_stride: int = 1,
        conv_channels: int = 0,
        dropout: float = 0.0,
        layer_norm: bool = False,
        residual: bool = False,
        front_cell: Cell | None = None,
        bptt_frames: int = 0,
        **options: Unpack[CellKeywords],
    ) -> None:
        if "conv_lstm" in (cell, front_cell) and not conv_channels:
            found = "conv_lstm needs frequency bins, which stacked frames do not have"
            raise ConfigError("encoder", found, "set conv_channels")
        super().__init__(feature_dim, conv_channels, time_stride, dropout)
        width = self.subsampling.output_dim
        units = CellOptions(num_bins=width // conv_channels if conv_channels else 1, **options)
        self._stack = partial(
            RecurrentStack,
            hidden_dim=hidden_dim,
            cell=cell,
            bidirectional=bidirectional,
            dropout=dropout,
            layer_norm=layer_norm,
            residual=residual,
            options=units,
            bptt_frames=bptt_frames,
        )
        self.recurrent = self._stack(width, num_layers=num_layers, front_cell=front_cell)
        self.output_dim = self.recurrent.output_dim

    def encode(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Returns encoded frames, shape (B, N, D), for subsampled frames (B, N, *) and their lengths (B,)."""
        return self.recurrent(frames, lengths)  # type: ignore[no-any-return]

    def outputs(self, features: Tensor, lengths: Tensor, num_layers: int | None = None) -> tuple[list[Tensor], Tensor]:
        """Returns the outputs of the first ``num_layers`` recurrent layers, or of all, and their lengths.

        The last one of all is that of :meth:`forward`.
        """
        frames, encoded_lengths = self.subsampling(features, lengths)  # (B, T, F) -> (B, N, *)
        return self.recurrent.outputs(self.dropout(frames), encoded_lengths, num_layers), encoded_lengths

    def another_last_layer(self) -> RecurrentStack:
        """Returns a new layer like the last one, to stand beside it.

        Raises:
            ConfigError: there is no layer below the last one.
        """
        if len(self.recurrent.layers) < 2:
            raise ConfigError("encoder", "has one layer, which a head cannot have of its own", "take two or more")
        below = self.recurrent.layers[-2]
        assert isinstance(below, RecurrentLayer)
        return self._stack(below.output_dim, num_layers=1)
