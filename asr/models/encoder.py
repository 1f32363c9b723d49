"""Encoders: features to encoded frames."""

from __future__ import annotations

from torch import Tensor, nn

from asr.models.lengths import subsampled_lengths
from asr.models.recurrent import Cell, RecurrentStack
from asr.models.subsampling import ConvSubsampling, FrameStacking


class RecurrentEncoder(nn.Module):
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
            dropout: share of values dropped behind the subsampling and behind each layer.
            layer_norm: whether each layer's output is normalised over its width.
            residual: whether a layer's input is added to its output, where their widths agree.
        """
        super().__init__()
        self.subsampling = (
            ConvSubsampling(feature_dim, conv_channels, time_stride)
            if conv_channels
            else FrameStacking(feature_dim, time_stride)
        )
        self.dropout = nn.Dropout(dropout if conv_channels else 0.0)
        self.recurrent = RecurrentStack(
            self.subsampling.output_dim, hidden_dim, num_layers, cell, bidirectional, dropout, layer_norm, residual
        )
        self.time_stride = time_stride
        self.output_dim = self.recurrent.output_dim

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """Gives the encoder frames N = ceil(T / time_stride) of T feature frames, shape (B,)."""
        return subsampled_lengths(lengths, self.time_stride)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Encodes.

        Args:
            features: shape (B, T, F).
            lengths: feature frames, shape (B,).

        Returns:
            Encoded frames, shape (B, N, D), and their lengths, shape (B,); padding holds no meaning.
        """
        frames, encoded_lengths = self.subsampling(features, lengths)  # (B, T, F) -> (B, N, *)
        return self.recurrent(self.dropout(frames), encoded_lengths), encoded_lengths
