"""Feed-forward blocks, and an encoder of them over windows of frames."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from asr.models.lengths import clear_padding, valid_frames
from asr.models.residual import Residual, skip_rates
from asr.models.subsampled import SubsampledEncoder


class FeedForward(nn.Module):
    """Layer norm, a wider layer with SiLU (x * sigmoid(x)), and a linear map back to the width of a frame.

    **Source**: Vaswani et al. 2017, eq. 2; pre-norm and SiLU as in Gulati et al. 2020, figure 4.

    Args:
        width: of a frame, D.
        feedforward_dim: width of the inner layer.
        dropout: share of values dropped after each of the two layers.
    """

    def __init__(self, width: int, feedforward_dim: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.widen, self.narrow = nn.Linear(width, feedforward_dim), nn.Linear(feedforward_dim, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, frames: Tensor, _mask: Tensor | None = None) -> Tensor:
        """Returns frames, shape (B, N, D), for frames (B, N, D); frames are independent, so the mask is unused."""
        widened = self.dropout(F.silu(self.widen(self.norm(frames))))
        return self.dropout(self.narrow(widened))  # type: ignore[no-any-return]


def windows(frames: Tensor, lengths: Tensor, context: int) -> Tensor:
    """Concatenates each frame with those before and after it, with zeros beyond the utterance's ends.

    Args:
        frames: padded frames, shape (B, N, D).
        lengths: frames of each utterance, shape (B,).
        context: frames on each side, C.

    Returns:
        Windows, shape (B, N, (2 C + 1) D), the frames of each in their order.

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
    """Subsampling, then a deep network without memory over a window of frames: the baseline for the value of memory.

    **Source**: windowed networks for speech, Hinton et al. 2012; residual blocks, He et al. 2016.

    Args besides those of :class:`SubsampledEncoder`:
        hidden_dim: width of an encoded frame.
        num_layers: residual blocks of two layers each.
        context: encoder frames seen on each side of a frame.
        feedforward_dim: width inside a block.
        dropout: share of values dropped after the subsampling and in each block.
        stochastic_depth: share of utterances that skip the last block in training, fewer before it.
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
        super().__init__(feature_dim, conv_channels, time_stride, dropout)
        self.context, self.output_dim = context, hidden_dim
        self.entrance = nn.Linear(self.subsampling.output_dim * (2 * context + 1), hidden_dim)
        self.blocks = nn.ModuleList(
            Residual(FeedForward(hidden_dim, feedforward_dim, dropout), skip_rate=rate)
            for rate in skip_rates(stochastic_depth, num_layers)
        )
        self.norm = nn.LayerNorm(hidden_dim)

    def encode(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Returns encoded frames, shape (B, N, D), for subsampled frames (B, N, *) and their lengths (B,)."""
        hidden = self.entrance(windows(frames, lengths, self.context))  # (B, N, *) -> (B, N, D)
        valid = valid_frames(lengths, frames.size(1))
        for block in self.blocks:
            hidden = block(hidden, valid)
        return self.norm(hidden)  # type: ignore[no-any-return]
