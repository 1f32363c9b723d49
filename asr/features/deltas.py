"""Differences of features over time, as computed by Kaldi's add-deltas."""

from __future__ import annotations

import torch
from torch import Tensor

from asr.features.definitions import DELTA_WINDOW, difference_weights


def add_deltas(features: Tensor, lengths: Tensor, order: int) -> Tensor:
    """Appends the first to ``order``-th differences to each frame.

    The first difference is ``sum_j j * x[t + j] / 10`` for j = -2..2. The n-th is the n-fold convolution of these
    weights, applied to the features themselves, whose first and last frames are repeated beyond each end.

    Args:
        features: shape (B, T, F); the content of padding frames does not matter.
        lengths: frames of each utterance, shape (B,).
        order: 0 leaves the features unchanged.

    Returns:
        Features, then their differences, shape (B, T, F * (order + 1)). Padding frames are arbitrary.

    **Source**: Kaldi, ``feat/feature-functions.cc`` (DeltaFeatures).

    Example:
        >>> ramp = torch.arange(7.0).reshape(1, 7, 1)
        >>> add_deltas(ramp, torch.tensor([7]), 1)[0, 3].tolist()
        [3.0, 1.0]
    """
    num_frames = features.shape[1]
    if order == 0 or num_frames == 0:
        return features.repeat(1, 1, order + 1)
    reach = DELTA_WINDOW * order
    frames = torch.arange(-reach, num_frames + reach, device=features.device)
    frames = torch.minimum(frames.clamp(min=0), (lengths.to(features.device) - 1).clamp(min=0).unsqueeze(1))
    extended = features.gather(1, frames.unsqueeze(2).expand(-1, -1, features.shape[2]))  # (B, T + 2 * reach, F)
    parts = [features]
    for n in range(1, order + 1):
        start = reach - DELTA_WINDOW * n
        difference = torch.zeros_like(features)
        for i, weight in enumerate(difference_weights(n)):
            difference = difference + weight * extended[:, start + i : start + i + num_frames]
        parts.append(difference)
    return torch.cat(parts, dim=2)
