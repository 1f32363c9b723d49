"""Subsampling: many feature frames to fewer, wider encoder frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asr.models.lengths import clear_padding, subsampled_lengths

TIME_STRIDES: dict[int, tuple[int, int]] = {1: (1, 1), 2: (2, 1), 3: (3, 1), 4: (2, 2)}


class FrameStacking(nn.Module):
    """Concatenates each ``time_stride`` frames; N = ceil(T / time_stride).

    Args:
        feature_dim: values of a feature frame, F.
        time_stride: feature frames for one encoder frame.

    Attributes:
        look_ahead: feature frames that encoder frame n sees after feature frame ``n * time_stride``.
    """

    def __init__(self, feature_dim: int, time_stride: int = 1) -> None:
        super().__init__()
        self.time_stride, self.output_dim = time_stride, feature_dim * time_stride
        self.look_ahead = time_stride - 1

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Stacks features, shape (B, T, F), with lengths, shape (B,); the last stack is filled with zeros.

        Returns:
            Frames, shape (B, N, F * time_stride), and their lengths, shape (B,).
        """
        features = clear_padding(features, lengths)
        batch_size, num_frames, width = features.shape
        padded = F.pad(features, (0, 0, 0, -num_frames % self.time_stride))
        return padded.reshape(batch_size, -1, width * self.time_stride), subsampled_lengths(lengths, self.time_stride)


class ConvSubsampling(nn.Module):
    """Two 3x3 convolutions over time and frequency; N = ceil(T / time_stride).

    Padding is cleared before each convolution, so that zeros follow each utterance in any batch. Each convolution
    halves the frequency axis. The initial weights preserve the scale of the input: PyTorch's default makes it ten
    times smaller and prolongs the plateau on which every frame is blank.

    **Source**: He et al. 2015, "Delving deep into rectifiers", eq. 10, for the weights.

    Args:
        feature_dim: values of a feature frame, F.
        channels: channels C of each convolution.
        time_stride: 1, 2, 3 or 4 feature frames for one encoder frame.

    Raises:
        ValueError: for another stride.

    Attributes:
        look_ahead: feature frames that encoder frame n sees after feature frame ``n * time_stride``.
    """

    def __init__(self, feature_dim: int, channels: int, time_stride: int = 4) -> None:
        super().__init__()
        if time_stride not in TIME_STRIDES:
            raise ValueError(f"time_stride must be one of {sorted(TIME_STRIDES)}. Found {time_stride}")
        self.time_stride = time_stride
        self.strides = TIME_STRIDES[time_stride]
        self.look_ahead = self.strides[0] + 1
        self.convolutions = nn.ModuleList(
            nn.Conv2d(width, channels, kernel_size=3, stride=(stride, 2), padding=1)
            for width, stride in zip((1, channels), self.strides, strict=True)
        )
        for parameter in self.convolutions.parameters():
            if parameter.ndim > 1:
                nn.init.kaiming_normal_(parameter, nonlinearity="relu")
                parameter.data = parameter.data.to(memory_format=torch.channels_last)  # the layout of its gradients
            else:
                nn.init.zeros_(parameter)
        self.output_dim = channels * -(-feature_dim // 4)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Convolves features, shape (B, T, F), with lengths, shape (B,).

        Returns:
            Frames, shape (B, N, output_dim), and their lengths, shape (B,).
        """
        frames = features.unsqueeze(3)  # (B, T, F) -> (B, T, F, 1)
        for convolution, stride in zip(self.convolutions, self.strides, strict=True):
            image = clear_padding(frames, lengths).permute(0, 3, 1, 2)  # (B, T, F, C) -> (B, C, T, F)
            frames = F.relu(convolution(image)).permute(0, 2, 3, 1)
            lengths = subsampled_lengths(lengths, stride)
        return frames.flatten(2), lengths
