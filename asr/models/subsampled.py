"""What all encoders share: subsampling, lengths, and the mask for attention."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from asr.models.dropout import Dropout
from asr.models.lengths import subsampled_lengths, valid_frames
from asr.models.subsampling import ConvSubsampling, FrameStacking


class SubsampledEncoder(nn.Module, ABC):
    """Subsampling and dropout, then what :meth:`encode` does with the frames; N = ceil(T / time_stride).

    Args:
        feature_dim: values of a feature frame, F.
        conv_channels: channels of the two convolutions before the layers; 0 stacks frames instead.
        time_stride: feature frames for one encoder frame; with convolutions 1, 2, 3 or 4.
        dropout: share of values dropped after the convolutions.

    Attributes:
        output_dim: width D of an encoded frame.
        time_stride: feature frames for one encoder frame.
    """

    output_dim: int

    def __init__(self, feature_dim: int, conv_channels: int, time_stride: int, dropout: float) -> None:
        super().__init__()
        self.subsampling = (
            ConvSubsampling(feature_dim, conv_channels, time_stride)
            if conv_channels
            else FrameStacking(feature_dim, time_stride)
        )
        self.dropout = Dropout(dropout if conv_channels else 0.0)
        self.time_stride = time_stride

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """Returns the numbers of encoder frames for numbers of feature frames, shape (B,)."""
        return subsampled_lengths(lengths, self.time_stride)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Encodes features, shape (B, T, F), of which ``lengths``, shape (B,), are valid.

        Returns:
            Encoded frames, shape (B, N, D), and their lengths, shape (B,); the content of padding is arbitrary.
        """
        frames, encoded_lengths = self.subsampling(features, lengths)  # (B, T, F) -> (B, N, *)
        return self.encode(self.dropout(frames), encoded_lengths), encoded_lengths

    @abstractmethod
    def encode(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Returns encoded frames, shape (B, N, D), for subsampled frames (B, N, *) and their lengths (B,)."""


def attended_frames(lengths: Tensor, num_frames: int) -> Tensor:
    """Marks the frames that may be attended to: the valid ones, but at least one of each utterance.

    An empty utterance keeps its first frame: a softmax over nothing would be NaN.

    Args:
        lengths: frames of each utterance, shape (B,).
        num_frames: frames of the padded batch, N.

    Returns:
        True where attention is allowed, shape (B, N).

    Example:
        >>> import torch
        >>> attended_frames(torch.tensor([2, 0]), 3).int()
        tensor([[1, 1, 0],
                [1, 0, 0]], dtype=torch.int32)
    """
    return valid_frames(lengths.clamp(min=1), num_frames)
