"""The Transformer encoder: attention in place of recurrence."""

from __future__ import annotations

from torch import Tensor, nn

from asr.models.attention import SelfAttention
from asr.models.feedforward import FeedForward
from asr.models.residual import Residual, skip_rates
from asr.models.subsampled import SubsampledEncoder, attended_frames


class TransformerLayer(nn.Module):
    """Self-attention, then a feed-forward block, both pre-norm and added to their input.

    **Source**: Vaswani et al. 2017, section 3.1; pre-norm, Xiong et al. 2020.

    Args:
        width: of a frame, D.
        num_heads: heads of attention.
        feedforward_dim: width inside the feed-forward block.
        dropout: share of attention weights and of values dropped.
        skip_rate: share of utterances that skip a branch in training.
    """

    def __init__(
        self, width: int, num_heads: int, feedforward_dim: int, dropout: float = 0.0, skip_rate: float = 0.0
    ) -> None:
        super().__init__()
        self.attention = Residual(SelfAttention(width, num_heads, dropout), skip_rate=skip_rate)
        self.feedforward = Residual(FeedForward(width, feedforward_dim, dropout), skip_rate=skip_rate)

    def forward(self, frames: Tensor, attended: Tensor) -> Tensor:
        """Returns frames, shape (B, N, D), for frames (B, N, D) and which of them may be attended to, (B, N)."""
        return self.feedforward(self.attention(frames, attended), attended)  # type: ignore[no-any-return]


class TransformerEncoder(SubsampledEncoder):
    """Subsampling, then layers of self-attention over the whole utterance.

    **Source**: Vaswani et al. 2017 after convolutions, as in Dong, Xu & Xu 2018; rotary positions, Su et al. 2021.

    Args besides those of :class:`SubsampledEncoder`:
        hidden_dim: width of an encoded frame, which the heads share evenly.
        num_layers: layers.
        num_heads: heads of attention in each layer.
        feedforward_dim: width inside a feed-forward block.
        dropout: share of values dropped after the subsampling and in each layer.
        stochastic_depth: share of utterances that skip a branch of the last layer in training, fewer before it.
    """

    def __init__(
        self,
        feature_dim: int,
        hidden_dim: int,
        num_layers: int,
        num_heads: int,
        feedforward_dim: int,
        time_stride: int = 1,
        conv_channels: int = 0,
        dropout: float = 0.0,
        stochastic_depth: float = 0.0,
    ) -> None:
        super().__init__(feature_dim, conv_channels, time_stride, dropout)
        self.output_dim = hidden_dim
        self.entrance = nn.Linear(self.subsampling.output_dim, hidden_dim)
        self.layers = nn.ModuleList(
            TransformerLayer(hidden_dim, num_heads, feedforward_dim, dropout, rate)
            for rate in skip_rates(stochastic_depth, num_layers)
        )
        self.norm = nn.LayerNorm(hidden_dim)

    def encode(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Returns encoded frames, shape (B, N, D), for subsampled frames (B, N, *) and their lengths (B,)."""
        attended = attended_frames(lengths, frames.size(1))
        hidden = self.entrance(frames)  # (B, N, *) -> (B, N, D)
        for layer in self.layers:
            hidden = layer(hidden, attended)
        return self.norm(hidden)  # type: ignore[no-any-return]
