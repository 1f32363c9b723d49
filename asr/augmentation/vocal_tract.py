"""Other vocal tracts for the same utterance: the frequency axis of log-mel features stretched at random."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from asr.augmentation.base import Augmentation, Stage, Step
from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.features.random import uniform

_WARP_STREAM = 202


class VocalTractPerturbation(Augmentation):
    """Stretches the frequency axis of each utterance by its own factor, as a shorter or longer vocal tract does.

    The value of a bin with centre f is interpolated at ``f / factor`` up to 80 % of the band, and above that along the
    straight line to the band's upper edge.

    **Source**: Jaitly & Hinton 2013, "Vocal tract length perturbation improves speech recognition"; the broken line as
    in Lee & Rose 1998, here applied to the features instead of the filters.

    Args:
        frontend: of the model; its log-mel energies and their differences are stretched alike.
        max_factor: factors are drawn from 1 / max_factor to max_factor, uniformly in their logarithm.

    Raises:
        ConfigError: the factor is below 1, or the front end computes other features.
    """

    stage = Stage.FEATURES
    centres: Tensor

    def __init__(self, frontend: FrontEnd, max_factor: float) -> None:
        super().__init__()
        if not 1 <= max_factor < math.inf:
            raise ConfigError("VocalTractPerturbation, max_factor", f"is {max_factor}", "give 1 or more")
        if frontend.kind != "fbank" or frontend.use_energy:
            found = "the front end computes features other than log-mel energies"
            raise ConfigError("VocalTractPerturbation", found, "leave it out, or choose frontend=fbank80")
        num_mels = frontend.static_dim
        self.max_factor, self.num_groups, self.high_freq = max_factor, frontend.delta_order + 1, frontend.high_freq
        self.low_mel, high = (1127.0 * math.log1p(edge / 700.0) for edge in (frontend.low_freq, frontend.high_freq))
        self.mel_width = (high - self.low_mel) / (num_mels + 1)
        mels = self.low_mel + self.mel_width * torch.arange(1, num_mels + 1)
        self.register_buffer("centres", 700.0 * torch.expm1(mels / 1127.0), persistent=False)

    def change(self, values: Tensor, lengths: Tensor, seeds: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        """Stretches log-mel values, normalised or not, shape (B, T, F)."""
        if self.max_factor == 1:
            return values, lengths
        num_mels = len(self.centres)
        places = self._places(seeds)  # (B, M)
        below = places.floor().clamp(0, num_mels - 2)
        share = (places - below).clamp(0, 1)[:, None, None]
        grouped = values.view(*values.shape[:2], self.num_groups, num_mels)  # (B, T, F) -> (B, T, G, M)
        index = below.long()[:, None, None].expand(grouped.shape)
        stretched = torch.lerp(grouped.gather(3, index), grouped.gather(3, index + 1), share.to(values.dtype))
        return stretched.flatten(2), lengths  # (B, T, G, M) -> (B, T, F)

    def _places(self, seeds: Tensor) -> Tensor:
        """Returns the position at which each bin is read, in bins, shape (B, num_mels)."""
        draws = uniform(seeds, 1, _WARP_STREAM)
        factors = ((2.0 * draws - 1.0) * math.log(self.max_factor)).exp()
        knee = 0.8 * self.high_freq * factors.clamp(max=1.0)  # in the stretched spectrum, so that the source is in band
        source = knee / factors
        slope = (self.high_freq - source) / (self.high_freq - knee)
        hertz = torch.where(self.centres <= knee, self.centres / factors, source + slope * (self.centres - knee))
        return (1127.0 * (hertz / 700.0).log1p() - self.low_mel) / self.mel_width - 1.0
