"""Additive noise: the base of all kinds, and computed white noise, pink noise and babble."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from asr.augmentation.base import WaveformAugmentation, energies
from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.features.random import integers, normal, uniform

_NOISE_STREAM, _WHITE_STREAM, _ENVELOPE_STREAM = 211, 212, 213
_NUM_TAPS = 512  # of the filters that colour noise
_SYLLABLES = 8.0  # random levels a second of each band of babble: syllables come about four times a second
_BABBLE_BANDS = ((80.0, 500.0), (500.0, 1500.0), (1500.0, 3000.0), (3000.0, math.inf))  # Hz
NOISE_KINDS = ("white", "pink", "babble")


class Noise(WaveformAugmentation):
    """Adds noise at a random signal-to-noise ratio, exact over the utterance's own samples; after any reverberation.

    The ratio is drawn by the number before the one that selects utterances.
    """

    turn = 1

    def __init__(self, snr_db: tuple[float, float], probability: float) -> None:
        """Raises a :class:`ConfigError` for invalid settings."""
        super().__init__(probability)
        self.check_range(snr_db=snr_db)
        self.snr_db = snr_db

    @abstractmethod
    def make(self, lengths: Tensor, seeds: Tensor, num_samples: int) -> Tensor:
        """Returns noise for each utterance, at any level: (B,), (B,) -> (B, num_samples)."""

    def change_all(self, waveforms: Tensor, lengths: Tensor, is_own: Tensor, seeds: Tensor) -> Tensor:
        """Adds noise to all waveforms."""
        stream, place = self.choice
        snr = self.snr_db[0] + (self.snr_db[1] - self.snr_db[0]) * uniform(seeds, place, stream)[:, place - 1]
        noise = self.make(lengths, seeds, waveforms.shape[1])
        signal, other = energies(waveforms, is_own), energies(noise, is_own)
        gains = torch.where(other > 0, (signal / (other * 10.0 ** (snr / 10))).sqrt(), 0.0)
        return waveforms + gains.unsqueeze(1) * noise


class AddNoise(Noise):
    """Adds noise of a random kind.

    White noise is flat, pink noise falls by 3 dB an octave, babble has the long-term spectrum of speech and, in four
    bands, the rhythm of syllables. All is computed from the utterance's seed, without files or other utterances.

    Args:
        frontend: of the model.
        snr_db: lowest and highest signal-to-noise ratio in dB, drawn uniformly between.
        kinds: of "white", "pink", "babble"; each utterance gets one of them.
        probability: share of the utterances that get noise.

    Raises:
        ConfigError: a setting is invalid.
    """

    choice = (_NOISE_STREAM, 2)
    filters: Tensor

    def __init__(
        self,
        frontend: FrontEnd,
        snr_db: tuple[float, float],
        kinds: tuple[str, ...] = NOISE_KINDS,
        probability: float = 1.0,
    ) -> None:
        """Computes the filters that colour the noise."""
        super().__init__(snr_db, probability)
        if not kinds or not set(kinds) <= set(NOISE_KINDS):
            raise ConfigError("AddNoise, kinds", f"is {list(kinds)}", f"take some of {', '.join(NOISE_KINDS)}")
        self.kinds, self.sample_rate = tuple(kinds), frontend.sample_rate
        amplitudes = (_pink, *(_speech_band(*band) for band in _BABBLE_BANDS))
        colours = [_fir(amplitude, self.sample_rate) for amplitude in amplitudes]
        self.register_buffer("filters", torch.stack(colours), persistent=False)

    def make(self, lengths: Tensor, seeds: Tensor, num_samples: int) -> Tensor:
        """Computes all kinds and selects one for each row, without waiting for the GPU: -> (B, num_samples)."""
        white = normal(seeds, num_samples + _NUM_TAPS, _WHITE_STREAM)
        size = 1 << (num_samples + 2 * _NUM_TAPS).bit_length()
        spectrum = torch.fft.rfft(white, n=size) if self.kinds != ("white",) else white
        made = []
        for kind in self.kinds:
            if kind == "white":
                made.append(white[:, :num_samples])
            elif kind == "pink":
                made.append(self._colour(spectrum, 0, num_samples))
            else:
                made.append(self._babble(spectrum, seeds, num_samples))
        draws = uniform(seeds, 1, _NOISE_STREAM)[:, 0]
        kinds = integers(draws, torch.full_like(draws, len(made) - 1)).long()
        return torch.stack(made, dim=1)[torch.arange(len(seeds), device=seeds.device), kinds]

    def _babble(self, spectrum: Tensor, seeds: Tensor, num_samples: int) -> Tensor:
        knot = round(self.sample_rate / _SYLLABLES)  # samples from one random level to the next
        bands = []
        for band in range(len(_BABBLE_BANDS)):
            levels = uniform(seeds, num_samples // knot + 2, _ENVELOPE_STREAM + band).square().unsqueeze(1)
            envelope = nn.functional.interpolate(levels, scale_factor=float(knot), mode="linear")[:, 0, :num_samples]
            bands.append(self._colour(spectrum, 1 + band, num_samples) * envelope)
        return torch.stack(bands).sum(0)

    def _colour(self, spectrum: Tensor, number: int, num_samples: int) -> Tensor:
        """Filters white noise; sample i depends on white samples i + 1 to i + 512, in any batch."""
        size = 2 * (spectrum.shape[1] - 1)
        filtered: Tensor = torch.fft.irfft(spectrum * torch.fft.rfft(self.filters[number], n=size), n=size)
        return filtered[:, _NUM_TAPS : _NUM_TAPS + num_samples]


def _pink(hertz: Tensor) -> Tensor:
    return hertz.clamp(min=40.0).rsqrt()


def _speech_band(low: float, high: float) -> Callable[[Tensor], Tensor]:
    """Returns a band of the long-term spectrum of speech: flat to 500 Hz, then 9 dB an octave down."""

    def amplitude(hertz: Tensor) -> Tensor:
        slope = (hertz.clamp(min=500.0) / 500.0).pow(-1.5)
        return slope.masked_fill((hertz < low) | (hertz >= high), 0.0)

    return amplitude


def _fir(amplitude: Callable[[Tensor], Tensor], sample_rate: int) -> Tensor:
    """Returns a filter with linear phase and about the wanted amplitudes over Hz, shape (512,)."""
    hertz = torch.linspace(0.0, sample_rate / 2, _NUM_TAPS // 2 + 1)
    taps: Tensor = torch.fft.irfft(amplitude(hertz), n=_NUM_TAPS).roll(_NUM_TAPS // 2)
    return taps * torch.hann_window(_NUM_TAPS)
