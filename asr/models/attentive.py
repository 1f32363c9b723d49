"""A recurrent encoder with self-attention on top."""

from __future__ import annotations

from torch import Tensor, nn

from asr.models.cells.choice import Cell
from asr.models.recurrent import RecurrentStack
from asr.models.subsampled import SubsampledEncoder, attended_frames
from asr.models.transformer import TransformerLayer


class AttentiveRecurrentEncoder(SubsampledEncoder):
    """Subsampling, a stack of recurrent layers, then one layer of self-attention and feed-forward.

    The recurrent layers convey position and neighbourhood; attention lets each frame see any other directly.

    **Source**: self-attention over a recurrent network, Lin et al. 2017 and Sperber et al. 2018.

    Args besides those of :class:`SubsampledEncoder` and :class:`RecurrentStack`:
        num_heads: heads of attention, which share the width of the recurrent output evenly.
        feedforward_dim: width inside the feed-forward block after the attention.
        dropout: share of values dropped after the subsampling, after each layer and in the attention.
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
        super().__init__(feature_dim, conv_channels, time_stride, dropout)
        self.recurrent = RecurrentStack(
            self.subsampling.output_dim, hidden_dim, num_layers, cell, bidirectional, dropout, layer_norm, residual
        )
        self.output_dim = self.recurrent.output_dim
        self.attention = TransformerLayer(self.output_dim, num_heads, feedforward_dim, dropout)
        self.norm = nn.LayerNorm(self.output_dim)

    def encode(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Returns encoded frames, shape (B, N, D), for subsampled frames (B, N, *) and their lengths (B,)."""
        hidden = self.recurrent(frames, lengths)  # (B, N, *) -> (B, N, D)
        return self.norm(self.attention(hidden, attended_frames(lengths, frames.size(1))))  # type: ignore[no-any-return]
