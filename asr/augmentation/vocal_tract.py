"""Other vocal tracts for the same utterance: the frequency axis of log-mel features stretched at random."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from asr.errors import ConfigError
from asr.features.random import uniform

_WARP_STREAM = 202


class VocalTractPerturbation(nn.Module):
    """Stretches the frequency axis of each utterance by its own factor, as a shorter or longer vocal tract does.

    The value of a bin with centre f is read, between bins, at ``f / factor`` up to 80 % of the band, and from there on
    along the straight line that ends at the band's upper edge. Only acts in training.

    **Source**: Jaitly & Hinton 2013, "Vocal tract length perturbation improves speech recognition"; the broken line as
    in Lee & Rose 1998, here on the features and not on the filters.
    """

    centres: Tensor

    def __init__(
        self,
        max_factor: float,
        num_mels: int,
        low_freq: float = 20.0,
        high_freq: float = 8000.0,
        num_groups: int = 1,
    ) -> None:
        """Keeps where the bins lie.

        Args:
            max_factor: factors are drawn from 1 / max_factor to max_factor, evenly in their logarithm.
            num_mels: bins of the features.
            low_freq: lower edge of the first bin, in Hz.
            high_freq: upper edge of the last bin, in Hz.
            num_groups: parts of a frame that hold the same bins and are stretched alike: ``delta_order + 1``.

        Raises:
            ConfigError: a setting is out of its range.
        """
        super().__init__()
        if max_factor < 1 or num_mels < 2 or not 0 <= low_freq < high_freq:
            found = f"max_factor is {max_factor}, num_mels {num_mels}, the band {low_freq:g} to {high_freq:g} Hz"
            raise ConfigError("VocalTractPerturbation", found, "max_factor is 1 or more; correct its settings")
        self.max_factor, self.num_groups, self.high_freq = max_factor, num_groups, high_freq
        self.low_mel, high = (1127.0 * math.log1p(edge / 700.0) for edge in (low_freq, high_freq))
        self.mel_width = (high - self.low_mel) / (num_mels + 1)
        mels = self.low_mel + self.mel_width * torch.arange(1, num_mels + 1)
        self.register_buffer("centres", 700.0 * torch.expm1(mels / 1127.0), persistent=False)

    def forward(self, features: Tensor, seeds: Tensor) -> Tensor:
        """Stretches a batch.

        Args:
            features: log-mel values, normalised or not, shape (B, T, F).
            seeds: int64, shape (B,), from :func:`asr.features.random.utterance_seed`.

        Returns:
            Features, shape (B, T, F); the same object outside training.

        Raises:
            ConfigError: features that are not ``num_groups`` times ``num_mels`` wide.
        """
        if not self.training or self.max_factor == 1:
            return features
        num_mels = len(self.centres)
        if features.size(2) != self.num_groups * num_mels:
            found = f"{features.size(2)} features are not {self.num_groups} times {num_mels} bins"
            raise ConfigError("VocalTractPerturbation", found, "set num_mels and num_groups as the front end has them")
        places = self._places(seeds.to(features.device))  # (B, num_mels)
        below = places.floor().clamp(0, num_mels - 2)
        share = (places - below).clamp(0, 1)[:, None, None]
        grouped = features.view(*features.shape[:2], self.num_groups, num_mels)  # (B, T, F) -> (B, T, G, M)
        index = below.long()[:, None, None].expand(grouped.shape)
        stretched = torch.lerp(grouped.gather(3, index), grouped.gather(3, index + 1), share.to(features.dtype))
        return stretched.flatten(2)  # (B, T, G, M) -> (B, T, F)

    def _places(self, seeds: Tensor) -> Tensor:
        """Gives where each bin is read, counted in bins, shape (B, num_mels)."""
        draws = uniform(seeds, 1, _WARP_STREAM)
        factors = ((2.0 * draws - 1.0) * math.log(self.max_factor)).exp()
        knee = 0.8 * self.high_freq * factors.clamp(max=1.0)  # in the stretched spectrum, so that the source is in band
        source = knee / factors
        slope = (self.high_freq - source) / (self.high_freq - knee)
        hertz = torch.where(self.centres <= knee, self.centres / factors, source + slope * (self.centres - knee))
        return (1127.0 * (hertz / 700.0).log1p() - self.low_mel) / self.mel_width - 1.0
