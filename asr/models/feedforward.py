"""Layers that see one frame at a time, and an encoder of them over windows of frames."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from asr.models.lengths import clear_padding, valid_frames
from asr.models.residual import Residual, skip_rates
from asr.models.subsampled import SubsampledEncoder


class FeedForward(nn.Module):
    """Layer norm, a wider layer with SiLU (x * sigmoid(x)), and back to the width of a frame.

    **Source**: Vaswani et al. 2017, eq. 2; norm in front and SiLU as in Gulati et al. 2020, figure 4.
    """

    def __init__(self, width: int, feedforward_dim: int, dropout: float = 0.0) -> None:
        """Builds it.

        Args:
            width: of a frame, D.
            feedforward_dim: width of the layer between.
            dropout: share of values dropped behind each of the two layers.
        """
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.widen, self.narrow = nn.Linear(width, feedforward_dim), nn.Linear(feedforward_dim, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, frames: Tensor, _mask: Tensor | None = None) -> Tensor:
        """Gives frames, shape (B, N, D), for frames (B, N, D); no frame sees another, so no mask is needed."""
        widened = self.dropout(F.silu(self.widen(self.norm(frames))))
        return self.dropout(self.narrow(widened))  # type: ignore[no-any-return]


def windows(frames: Tensor, lengths: Tensor, context: int) -> Tensor:
    """Puts each frame side by side with those before and behind it, zeros beyond the utterance's ends.

    Args:
        frames: padded frames, shape (B, N, D).
        lengths: frames of each utterance, shape (B,).
        context: frames on each side, C.

    Returns:
        Windows, shape (B, N, (2 C + 1) D), the frames of a window in their order.

    Example:
        >>> import torch
        >>> windows(torch.tensor([[[1.0], [2.0], [9.0]]]), torch.tensor([2]), 1)
        tensor([[[0., 1., 2.],
                 [1., 2., 0.],
                 [2., 0., 0.]]])
    """
    padded = F.pad(clear_padding(frames, lengths), (0, 0, context, context))
    return padded.unfold(1, 2 * context + 1, 1).transpose(2, 3).flatten(2)


class FeedForwardEncoder(SubsampledEncoder):
    """Subsampling, then a deep network without memory over a window of frames.

    It sees ``context`` encoder frames on each side and nothing else: the yardstick for what memory is worth.

    **Source**: windowed networks for speech, Hinton et al. 2012; residual blocks, He et al. 2016.
    """

    def __init__(
        self,
        feature_dim: int,
        hidden_dim: int,
        num_layers: int,
        context: int,
        feedforward_dim: int,
        time_stride: int = 1,
        conv_channels: int = 0,
        dropout: float = 0.0,
        stochastic_depth: float = 0.0,
    ) -> None:
        """Builds the encoder.

        Args:
            feature_dim: values of a feature frame, F.
            hidden_dim: width of an encoded frame.
            num_layers: residual blocks of two layers each.
            context: encoder frames on each side that a frame sees.
            feedforward_dim: width inside a block.
            time_stride: feature frames for one encoder frame; with convolutions 1, 2, 3 or 4.
            conv_channels: channels of the two convolutions in front; 0 stacks frames instead.
            dropout: share of values dropped behind the subsampling and in each block.
            stochastic_depth: share of utterances that skip the last block in training; earlier ones fewer.
        """
        super().__init__(feature_dim, conv_channels, time_stride, dropout)
        self.context, self.output_dim = context, hidden_dim
        self.entrance = nn.Linear(self.subsampling.output_dim * (2 * context + 1), hidden_dim)
        self.blocks = nn.ModuleList(
            Residual(FeedForward(hidden_dim, feedforward_dim, dropout), skip_rate=rate)
            for rate in skip_rates(stochastic_depth, num_layers)
        )
        self.norm = nn.LayerNorm(hidden_dim)

    def encode(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Gives encoded frames, shape (B, N, D), for subsampled frames (B, N, *) and their lengths (B,)."""
        hidden = self.entrance(windows(frames, lengths, self.context))  # (B, N, *) -> (B, N, D)
        valid = valid_frames(lengths, frames.size(1))
        for block in self.blocks:
            hidden = block(hidden, valid)
        return self.norm(hidden)  # type: ignore[no-any-return]
