"""A recurrent encoder with self-attention on top."""

from __future__ import annotations

from torch import Tensor, nn

from asr.models.recurrent import Cell, RecurrentStack
from asr.models.subsampled import SubsampledEncoder, attended_frames
from asr.models.transformer import TransformerLayer


class AttentiveRecurrentEncoder(SubsampledEncoder):
    """Subsampling, a stack of recurrent layers, then one layer of self-attention and feed-forward.

    The recurrent layers already know of place and neighbourhood; attention lets each frame look at any other at once.

    **Source**: self-attention over a recurrent network, Lin et al. 2017 and Sperber et al. 2018.
    """

    def __init__(
        self,
        feature_dim: int,
        hidden_dim: int,
        num_layers: int,
        num_heads: int,
        feedforward_dim: int,
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
            hidden_dim: units in each direction of each recurrent layer.
            num_layers: recurrent layers.
            num_heads: heads of attention; each has an even share of the width of a recurrent layer's output.
            feedforward_dim: width inside the feed-forward block behind the attention.
            cell: the kind of unit.
            bidirectional: whether each recurrent layer reads both ways.
            time_stride: feature frames for one encoder frame; with convolutions 1, 2, 3 or 4.
            conv_channels: channels of the two convolutions in front; 0 stacks frames instead.
            dropout: share of values dropped behind the subsampling, behind each layer and in the attention.
            layer_norm: whether each recurrent layer's output is normalised over its width.
            residual: whether a recurrent layer's input is added to its output, where their widths agree.
        """
        super().__init__(feature_dim, conv_channels, time_stride, dropout)
        self.recurrent = RecurrentStack(
            self.subsampling.output_dim,
            hidden_dim,
            num_layers,
            cell=cell,
            bidirectional=bidirectional,
            dropout=dropout,
            layer_norm=layer_norm,
            residual=residual,
        )
        self.output_dim = self.recurrent.output_dim
        self.attention = TransformerLayer(self.output_dim, num_heads, feedforward_dim, dropout)
        self.norm = nn.LayerNorm(self.output_dim)

    def encode(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Gives encoded frames, shape (B, N, D), for subsampled frames (B, N, *) and their lengths (B,)."""
        hidden = self.recurrent(frames, lengths)  # (B, N, *) -> (B, N, D)
        return self.norm(self.attention(hidden, attended_frames(lengths, frames.size(1))))  # type: ignore[no-any-return]
