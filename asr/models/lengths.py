"""The only place where numbers of feature frames become numbers of encoder frames."""

from __future__ import annotations

import torch
from torch import Tensor


def subsampled_lengths(lengths: Tensor, time_stride: int) -> Tensor:
    """Returns the encoder frames N = ceil(T / time_stride) of T feature frames, shape (B,).

    A convolution of kernel 3, padding 1 and stride s yields ``(T - 1) // s + 1 = ceil(T / s)`` frames, as does stacking
    s frames, and ``ceil(ceil(T / a) / b) = ceil(T / (a * b))``: one formula holds for every kind of subsampling.

    Args:
        lengths: feature frames T of each utterance, shape (B,).
        time_stride: feature frames for one encoder frame.

    Example:
        >>> subsampled_lengths(torch.tensor([1, 4, 5, 8]), 4)
        tensor([1, 1, 2, 2])
    """
    return torch.div(lengths + (time_stride - 1), time_stride, rounding_mode="floor")


def valid_frames(lengths: Tensor, num_frames: int) -> Tensor:
    """Marks the frames that belong to an utterance, shape (B, T): True for frames, False for padding.

    Args:
        lengths: frames of each utterance, shape (B,).
        num_frames: frames of the padded batch, T.

    Example:
        >>> valid_frames(torch.tensor([1, 3]), 3).int()
        tensor([[1, 0, 0],
                [1, 1, 1]], dtype=torch.int32)
    """
    return torch.arange(num_frames, device=lengths.device) < lengths.unsqueeze(1)


def clear_padding(frames: Tensor, lengths: Tensor) -> Tensor:
    """Sets the frames of padding to zero.

    Args:
        frames: padded frames, shape (B, T, ...).
        lengths: frames of each utterance, shape (B,).

    Returns:
        The same with zeros after the end of each utterance, shape (B, T, ...).
    """
    valid = valid_frames(lengths, frames.size(1))
    return frames.masked_fill(~valid.view(*valid.shape, *[1] * (frames.dim() - 2)), 0.0)
