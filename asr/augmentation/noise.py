"""Noise that is computed: white, pink and babble."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from asr.augmentation.levels import add_at_ratio, own_samples
from asr.errors import ConfigError
from asr.features.random import integers, normal, uniform

_NOISE_STREAM, _WHITE_STREAM, _ENVELOPE_STREAM = 211, 212, 213
_NUM_TAPS = 512  # of the filters that colour noise
_SYLLABLES = 8.0  # random levels a second of each band of babble: syllables come about four times a second
_BABBLE_BANDS = ((80.0, 500.0), (500.0, 1500.0), (1500.0, 3000.0), (3000.0, math.inf))  # Hz
NOISE_KINDS = ("white", "pink", "babble")


class AddNoise(nn.Module):
    """Adds noise of a random kind at a random signal-to-noise ratio, exact over the utterance's own samples.

    White noise is flat, pink noise falls by 3 dB an octave, babble has the long-term spectrum of speech and in four
    bands the rhythm of syllables. All of it is computed from the utterance's seed: nothing comes from files or from
    other utterances.
    """

    filters: Tensor

    def __init__(
        self,
        snr_db: tuple[float, float],
        kinds: tuple[str, ...] = NOISE_KINDS,
        probability: float = 1.0,
        sample_rate: int = 16000,
    ) -> None:
        """Computes the filters that colour the noise.

        Args:
            snr_db: lowest and highest signal-to-noise ratio in dB, drawn uniformly between.
            kinds: of "white", "pink", "babble"; each utterance gets one of them.
            probability: part of the utterances that get noise.
            sample_rate: Hz of the waveforms.

        Raises:
            ConfigError: a setting is not possible.
        """
        super().__init__()
        if not kinds or not set(kinds) <= set(NOISE_KINDS):
            raise ConfigError("AddNoise, kinds", f"is {list(kinds)}", f"take some of {', '.join(NOISE_KINDS)}")
        if len(snr_db) != 2 or snr_db[0] > snr_db[1] or not 0 <= probability <= 1:
            remedy = "snr_db is lowest and highest, probability in 0..1"
            raise ConfigError("AddNoise", f"snr_db is {list(snr_db)}, probability {probability}", remedy)
        self.snr_db, self.kinds, self.probability, self.sample_rate = snr_db, tuple(kinds), probability, sample_rate
        colours = [_fir(_pink, sample_rate), *(_fir(_speech_band(*band), sample_rate) for band in _BABBLE_BANDS)]
        self.register_buffer("filters", torch.stack(colours), persistent=False)

    def forward(self, waveforms: Tensor, lengths: Tensor, seeds: Tensor) -> Tensor:
        """Adds noise to a batch.

        Args:
            waveforms: shape (B, S).
            lengths: samples of each utterance, shape (B,).
            seeds: int64, shape (B,), from :func:`asr.features.random.utterance_seed`.

        Returns:
            Waveforms, shape (B, S), with padding as it was; the same object outside training.
        """
        if not self.training or self.probability == 0 or waveforms.shape[1] == 0:
            return waveforms
        lengths, seeds = lengths.to(waveforms.device), seeds.to(waveforms.device)
        draws = uniform(seeds, 3, _NOISE_STREAM)
        with torch.autocast(waveforms.device.type, enabled=False):
            noise = self._noise(seeds, draws[:, 0], waveforms.shape[1])
            snr = self.snr_db[0] + (self.snr_db[1] - self.snr_db[0]) * draws[:, 1]
            is_chosen = draws[:, 2] < self.probability
            return add_at_ratio(waveforms, noise, own_samples(waveforms, lengths), snr, is_chosen)

    def _noise(self, seeds: Tensor, draws: Tensor, num_samples: int) -> Tensor:
        """Makes all kinds and chooses one for each row, which costs no question to the GPU: -> (B, num_samples)."""
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
        choice = integers(draws, torch.full_like(draws, len(made) - 1)).long()
        return torch.stack(made, dim=1)[torch.arange(len(seeds), device=seeds.device), choice]

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
    """Gives a band of the long-term spectrum of speech: flat to 500 Hz, then 9 dB an octave down."""

    def amplitude(hertz: Tensor) -> Tensor:
        slope = (hertz.clamp(min=500.0) / 500.0).pow(-1.5)
        return slope.masked_fill((hertz < low) | (hertz >= high), 0.0)

    return amplitude


def _fir(amplitude: Callable[[Tensor], Tensor], sample_rate: int) -> Tensor:
    """Gives a filter with linear phase and about the wanted amplitudes over Hz, shape (512,)."""
    hertz = torch.linspace(0.0, sample_rate / 2, _NUM_TAPS // 2 + 1)
    taps: Tensor = torch.fft.irfft(amplitude(hertz), n=_NUM_TAPS).roll(_NUM_TAPS // 2)
    return taps * torch.hann_window(_NUM_TAPS)
