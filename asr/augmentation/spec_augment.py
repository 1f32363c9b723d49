"""Masks over time and frequency: stretches of frames and bands of bins hidden in training."""

from __future__ import annotations

import torch
from torch import Tensor

from asr.augmentation.base import Augmentation, Stage, Step
from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.features.random import integers, uniform

_STREAM = 201


class SpecAugment(Augmentation):
    """Masks stretches of time and bands of frequency with 0, the mean of normalised features.

    In an utterance of T frames, each time mask hides a uniform number of frames from 0 to
    ``min(max_time_width, floor(max_time_fraction * T / num_time_masks))``, so that together they hide at most
    ``max_time_fraction``. Masks may overlap.

    **Source**: Park et al. (2019), https://arxiv.org/abs/1904.08779, without time warping; adaptive size as Park et al.
        (2020), https://arxiv.org/abs/1912.05533.

    Args:
        frontend: of the model; values and their differences get the same masks.
        num_time_masks: stretches of time to hide.
        max_time_width: longest stretch in frames.
        max_time_fraction: largest part of an utterance that all its time masks may hide, 0 to 1.
        num_freq_masks: bands to hide.
        max_freq_width: widest band in bins.

    Raises:
        ConfigError: a setting is negative, or the fraction above 1.
    """

    stage, turn = Stage.FEATURES, 1

    def __init__(
        self,
        frontend: FrontEnd,
        num_time_masks: int,
        max_time_width: int,
        max_time_fraction: float,
        num_freq_masks: int,
        max_freq_width: int,
    ) -> None:
        super().__init__()
        if min(num_time_masks, max_time_width, num_freq_masks, max_freq_width) < 0 or not 0 <= max_time_fraction <= 1:
            raise ConfigError("SpecAugment", "a count is negative or the fraction is not in 0..1", "correct them")
        self.num_time_masks, self.max_time_width = num_time_masks, max_time_width
        self.num_freq_masks, self.max_freq_width = num_freq_masks, max_freq_width
        self.max_time_fraction, self.num_groups = max_time_fraction, frontend.delta_order + 1

    def change(self, values: Tensor, lengths: Tensor, seeds: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        """Masks normalised features, shape (B, T, F)."""
        if self.num_time_masks + self.num_freq_masks == 0:
            return values, lengths
        num_frames, num_bins = values.shape[1], values.shape[2] // self.num_groups
        draws = uniform(seeds, 2 * (self.num_time_masks + self.num_freq_masks), _STREAM)
        time_draws, freq_draws = draws[:, : 2 * self.num_time_masks], draws[:, 2 * self.num_time_masks :]
        share = (lengths * (self.max_time_fraction / max(1, self.num_time_masks)) + 1e-4).floor()
        hidden_frames = _masks(time_draws, num_frames, lengths, share.clamp(max=self.max_time_width))
        widest = torch.full_like(share, min(self.max_freq_width, num_bins))
        hidden_bins = _masks(freq_draws, num_bins, torch.full_like(lengths, num_bins), widest)
        is_hidden = hidden_frames.unsqueeze(2) | hidden_bins.repeat(1, self.num_groups).unsqueeze(1)
        return values.masked_fill(is_hidden, 0.0), lengths


def _masks(draws: Tensor, size: int, lengths: Tensor, max_widths: Tensor) -> Tensor:
    """Returns where any mask lies, shape (B, size), from two draws for each mask."""
    places = torch.arange(size, device=draws.device)
    widths = integers(draws[:, 0::2], max_widths.unsqueeze(1))
    starts = integers(draws[:, 1::2], lengths.unsqueeze(1) - widths)
    starts, ends = starts.unsqueeze(2), (starts + widths).unsqueeze(2)
    return ((places >= starts) & (places < ends)).any(dim=1)
