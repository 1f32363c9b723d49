"""Encoders: features to encoded frames."""

from __future__ import annotations

from typing import Unpack

from torch import Tensor

from asr.errors import ConfigError
from asr.models.cells.choice import Cell, CellKeywords, CellOptions
from asr.models.recurrent import RecurrentStack
from asr.models.subsampled import SubsampledEncoder


class RecurrentEncoder(SubsampledEncoder):
    """Subsampling, then a stack of recurrent layers: the deep bidirectional LSTM of this project.

    **Source**: Graves, Mohamed & Hinton 2013, with the convolutions of Amodei et al. 2016 in front where asked.

    Attributes:
        output_dim: width D of an encoded frame.
        time_stride: feature frames for one encoder frame.
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
        **options: Unpack[CellKeywords],
    ) -> None:
        """Builds the encoder.

        Args:
            feature_dim: values of a feature frame, F.
            hidden_dim: units in each direction of each layer.
            num_layers: recurrent layers.
            cell: the kind of unit.
            bidirectional: whether each layer reads both ways.
            time_stride: feature frames for one encoder frame; with convolutions 1, 2, 3 or 4.
            conv_channels: channels of the two convolutions in front; 0 stacks frames instead.
            dropout: share of values dropped after the subsampling and after each layer.
            layer_norm: whether each layer's output is normalised over its width.
            residual: whether a layer's input is added to its output where their widths agree.
            front_cell: the kind of unit of the first layer; None means that of the others.
            options: what the units of all layers have in common; see :class:`CellOptions`.

        Raises:
            ConfigError: settings that contradict each other, or have no meaning for the kind of unit.
        """
        if "conv_lstm" in (cell, front_cell) and not conv_channels:
            found = "conv_lstm needs frequency bins, which frames stacked on one another do not have"
            raise ConfigError("encoder", found, "set conv_channels")
        super().__init__(feature_dim, conv_channels, time_stride, dropout)
        width = self.subsampling.output_dim
        units = CellOptions(num_bins=width // conv_channels if conv_channels else 1, **options)
        self.recurrent = RecurrentStack(
            width, hidden_dim, num_layers, cell, bidirectional, dropout, layer_norm, residual, front_cell, units
        )
        self.output_dim = self.recurrent.output_dim

    def encode(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Gives encoded frames, shape (B, N, D), for subsampled frames (B, N, *) and their lengths (B,)."""
        return self.recurrent(frames, lengths)  # type: ignore[no-any-return]

    def outputs(self, features: Tensor, lengths: Tensor) -> tuple[list[Tensor], Tensor]:
        """Gives the output of every recurrent layer, the last of which is what :meth:`forward` gives."""
        frames, encoded_lengths = self.subsampling(features, lengths)  # (B, T, F) -> (B, N, *)
        return self.recurrent.outputs(self.dropout(frames), encoded_lengths), encoded_lengths
