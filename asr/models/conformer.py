"""The Conformer encoder: attention for distant context, a convolution for near context."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from asr.models.attention import SelfAttention
from asr.models.feedforward import FeedForward
from asr.models.residual import Residual, skip_rates
from asr.models.subsampled import SubsampledEncoder, attended_frames


class ConvolutionModule(nn.Module):
    """Gated linear unit, depthwise convolution over time, layer norm, SiLU, linear map.

    Padding is cleared before the convolution, and layer norm replaces batch norm, whose statistics would include
    padding and the other utterances of the batch.

    **Source**: Gulati et al. 2020, section 2.2, figure 2, except for the norm.

    Args:
        width: of a frame, D.
        kernel_size: frames that the convolution sees, an odd number.
        dropout: share of outputs dropped.

    Raises:
        ValueError: for an even kernel.
    """

    def __init__(self, width: int, kernel_size: int, dropout: float = 0.0) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd. Found {kernel_size}")
        self.norm = nn.LayerNorm(width)
        self.gated = nn.Linear(width, 2 * width)
        self.depthwise = nn.Conv1d(width, width, kernel_size, padding=kernel_size // 2, groups=width)
        self.inner_norm = nn.LayerNorm(width)
        self.output = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, frames: Tensor, valid: Tensor) -> Tensor:
        """Returns frames, shape (B, N, D), for frames (B, N, D) and their validity, (B, N)."""
        gated = F.glu(self.gated(self.norm(frames)), dim=2).masked_fill(~valid.unsqueeze(2), 0.0)
        convolved = self.depthwise(gated.transpose(1, 2)).transpose(1, 2)  # (B, N, D) -> (B, D, N) and back
        return self.dropout(self.output(F.silu(self.inner_norm(convolved))))  # type: ignore[no-any-return]


class ConformerLayer(nn.Module):
    """Half a feed-forward block, attention, convolution, half a feed-forward block, norm.

    **Source**: Gulati et al. 2020, eq. 1.

    Args:
        width: of a frame, D.
        num_heads: heads of attention.
        feedforward_dim: width inside each feed-forward block.
        kernel_size: frames that the convolution sees, an odd number.
        dropout: share of attention weights and of values dropped.
        skip_rate: share of utterances that skip a branch in training.
    """

    def __init__(
        self,
        width: int,
        num_heads: int,
        feedforward_dim: int,
        kernel_size: int,
        dropout: float = 0.0,
        skip_rate: float = 0.0,
    ) -> None:
        super().__init__()
        self.before = Residual(FeedForward(width, feedforward_dim, dropout), 0.5, skip_rate)
        self.attention = Residual(SelfAttention(width, num_heads, dropout), 1.0, skip_rate)
        self.convolution = Residual(ConvolutionModule(width, kernel_size, dropout), 1.0, skip_rate)
        self.behind = Residual(FeedForward(width, feedforward_dim, dropout), 0.5, skip_rate)
        self.norm = nn.LayerNorm(width)

    def forward(self, frames: Tensor, valid: Tensor) -> Tensor:
        """Returns frames, shape (B, N, D), for frames (B, N, D) and their validity, (B, N)."""
        for branch in (self.before, self.attention, self.convolution, self.behind):
            frames = branch(frames, valid)
        return self.norm(frames)  # type: ignore[no-any-return]


class ConformerEncoder(SubsampledEncoder):
    """Subsampling, then Conformer layers.

    **Source**: Gulati et al. 2020, with rotary positions (Su et al. 2021) in place of Transformer-XL's.

    Args besides those of :class:`SubsampledEncoder`:
        hidden_dim: width of an encoded frame, which the heads share evenly.
        num_layers: layers.
        num_heads: heads of attention in each layer.
        feedforward_dim: width inside each feed-forward block.
        kernel_size: encoder frames that a convolution sees, an odd number.
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
        kernel_size: int = 15,
        time_stride: int = 1,
        conv_channels: int = 0,
        dropout: float = 0.0,
        stochastic_depth: float = 0.0,
    ) -> None:
        super().__init__(feature_dim, conv_channels, time_stride, dropout)
        self.output_dim = hidden_dim
        self.entrance = nn.Linear(self.subsampling.output_dim, hidden_dim)
        self.layers = nn.ModuleList(
            ConformerLayer(hidden_dim, num_heads, feedforward_dim, kernel_size, dropout, rate)
            for rate in skip_rates(stochastic_depth, num_layers)
        )

    def encode(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Returns encoded frames, shape (B, N, D), for subsampled frames (B, N, *) and their lengths (B,)."""
        attended = attended_frames(lengths, frames.size(1))
        hidden = self.entrance(frames)  # (B, N, *) -> (B, N, D)
        for layer in self.layers:
            hidden = layer(hidden, attended)
        return hidden  # type: ignore[no-any-return]
