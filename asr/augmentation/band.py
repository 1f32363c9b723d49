"""Narrow bands: each utterance through a line of its own that lets only low frequencies pass."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from asr.augmentation.base import WaveformAugmentation, energies
from asr.augmentation.reverb import convolve
from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.features.random import normal, uniform

_STREAM, _FLOOR_STREAM = 241, 242
_EDGE = 0.1  # of the cutoff: the width of the band in which what passes falls from all to nothing
_REACH = 512  # taps of the filter to each side of a sample


class LimitBand(WaveformAugmentation):
    """Removes what is above a cutoff frequency, as telephones, low sample rates and lossy codecs do.

    It acts on what rooms and noise have become of the speech. The level of what passes does not change, and nothing
    moves in time. Between 0.95 and 1.05 of the cutoff the gain falls as half a period of a cosine. White noise is added
    as the floor of the line, as that of 16-bit samples is: without it what was removed would be exactly nothing, which
    no recording is, and normalisation by the variance makes much of little.

    Args:
        frontend: of the model.
        cutoff_hz: lowest and highest cutoff, drawn uniformly in its logarithm: 3400 is a telephone.
        floor_db: lowest and highest level of the floor relative to what passes, in dB, drawn uniformly between.
        probability: share of the utterances that are changed.

    Raises:
        ConfigError: a setting is invalid, or the highest cutoff is above half the sample rate.
    """

    turn = 2
    choice = (_STREAM, 2)

    def __init__(
        self,
        frontend: FrontEnd,
        cutoff_hz: tuple[float, float],
        floor_db: tuple[float, float] = (-90.0, -40.0),
        probability: float = 1.0,
    ) -> None:
        super().__init__(probability)
        self.check_range(cutoff_hz=cutoff_hz, floor_db=floor_db)
        highest = frontend.sample_rate / 2
        if cutoff_hz[0] <= 0 or cutoff_hz[1] > highest:
            found = f"is {list(cutoff_hz)}"
            raise ConfigError(
                "LimitBand, cutoff_hz", found, f"give Hz above 0, up to {highest:g}, half the sample rate"
            )
        self.cutoff_hz, self.floor_db, self.sample_rate = cutoff_hz, floor_db, frontend.sample_rate

    def change_all(self, waveforms: Tensor, lengths: Tensor, is_own: Tensor, seeds: Tensor) -> Tensor:
        """Filters all waveforms, with no delay."""
        draws = uniform(seeds, 2, _STREAM)
        (low, high), (quiet, loud) = (math.log(hertz) for hertz in self.cutoff_hz), self.floor_db
        cutoffs = (low + (high - low) * draws[:, :1]).exp()  # (B, 1)
        own, num_samples = waveforms.masked_fill(~is_own, 0.0), waveforms.shape[1]
        passed = convolve(F.pad(own, (0, _REACH)), self.filters(cutoffs))[:, _REACH:]
        power = energies(passed, is_own) / lengths.clamp(min=1)
        floor = (power * 10.0 ** ((quiet + (loud - quiet) * draws[:, 1]) / 10)).sqrt()
        return passed + floor.unsqueeze(1) * normal(seeds, num_samples, _FLOOR_STREAM)

    def filters(self, cutoffs: Tensor) -> Tensor:
        """Returns the taps of a filter for each cutoff in Hz, symmetric about the middle one: (B, 1) -> (B, R)."""
        hertz = torch.linspace(0, self.sample_rate / 2, 2 * _REACH + 1, device=cutoffs.device)
        places = ((hertz / cutoffs - 1) / _EDGE + 0.5).clamp(0, 1)  # (B, F): 0 passes, 1 does not
        taps: Tensor = torch.fft.irfft(0.5 + 0.5 * (math.pi * places).cos(), n=4 * _REACH)
        window = torch.hann_window(2 * _REACH + 1, periodic=False, device=cutoffs.device)
        return window * taps.roll(_REACH, dims=1)[:, : 2 * _REACH + 1]
