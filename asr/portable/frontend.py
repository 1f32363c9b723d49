"""The front end in NumPy, for one waveform at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from asr.features.definitions import ENERGY_FLOOR, PREEMPHASIS, SMALLEST_STD
from asr.portable.deltas import Floats, add_deltas
from asr.portable.normalisation import normalise_by_speech

_CACHED_FRAMES = 512


@dataclass(frozen=True, eq=False)
class PortableFrontEnd:
    """The front end of a trained model, whose tables it takes over: see :class:`asr.features.frontend.FrontEnd`.

    Equal to it to 1e-4, for an utterance by itself; without dither.

    Attributes:
        sample_rate: Hz of waveforms.
        hop_length: samples from one frame to the next.
        delta_order: differences that are appended.
        cmvn: how values are normalised.
        use_energy: whether the log energy of the frame stands before the log-mel energies, or in place of C0.
        silent_level: mean log energy up to which frames are digital silence.
        window: of the samples of a frame, shape (W,).
        filters: power spectrum to mel energies, shape (R / 2 + 1, M), R samples of the Fourier transform.
        cepstra: log-mel energies to cepstra, shape (M, C); None without cepstra.
        to_levels: static values to log energies, shape (F, L); None where they are log energies.
        from_levels: back again, shape (L, F).
        mean: of each value over the training set, for ``cmvn`` "global", shape (feature_dim,).
        std: likewise its deviation.
    """

    sample_rate: int
    hop_length: int
    delta_order: int
    cmvn: Literal["none", "global", "utterance", "speech"]
    use_energy: bool
    silent_level: float
    window: Floats
    filters: Floats
    cepstra: Floats | None
    to_levels: Floats | None
    from_levels: Floats | None
    mean: Floats
    std: Floats

    def frame_length(self, num_samples: int) -> int:
        """Returns the number of frames for a number of samples: ``(S + hop_length // 2) // hop_length``."""
        return (num_samples + self.hop_length // 2) // self.hop_length

    def __call__(self, waveform: Floats) -> Floats:
        """Returns the features of a waveform, shape (S,), of at least one frame: shape (T, feature_dim)."""
        static = self.static(waveform)
        if self.cmvn == "speech":
            transforms = self.to_levels, self.from_levels
            return normalise_by_speech(static, self.delta_order, self.silent_level, *transforms)
        features = add_deltas(static, self.delta_order)
        if self.cmvn == "none":
            return features
        if self.cmvn == "global":
            return np.asarray((features - self.mean) / self.std)
        centred = features - features.mean(axis=0)
        return np.asarray(centred / np.maximum(np.sqrt(np.square(centred).mean(axis=0)), np.float32(SMALLEST_STD)))

    def static(self, waveform: Floats) -> Floats:
        """Returns the values of single frames, before differences and normalisation, shape (T, F)."""
        num_frames, size = self.frame_length(len(waveform)), len(self.window)
        frames = sliding_window_view(self._extend(waveform), size)[:: self.hop_length][:num_frames]
        firsts = range(0, num_frames, _CACHED_FRAMES)
        return np.concatenate([self._block(frames[first : first + _CACHED_FRAMES]) for first in firsts])

    def _extend(self, waveform: Floats) -> Floats:
        """Reflects a waveform at its ends, as far as frames reach beyond them."""
        count, left = len(waveform), len(self.window) // 2 - self.hop_length // 2
        places = np.concatenate((np.arange(-left, 0), np.arange(count, count + len(self.window)))) % (2 * count)
        beyond = waveform[np.minimum(places, 2 * count - 1 - places)]
        return np.concatenate((beyond[:left], waveform, beyond[left:]))

    def _block(self, frames: Floats) -> Floats:
        """Computes the values of frames: (T, W) -> (T, F)."""
        frames = frames - frames.mean(axis=1, keepdims=True)
        floor = np.float32(ENERGY_FLOOR)
        energy = np.log(np.maximum(np.square(frames).sum(axis=1, keepdims=True), floor)) if self.use_energy else None
        windowed = np.zeros((len(frames), 2 * (len(self.filters) - 1)), np.float32)
        windowed[:, 1 : frames.shape[1]] = (frames[:, 1:] - np.float32(PREEMPHASIS) * frames[:, :-1]) * self.window[1:]
        spectrum = np.fft.rfft(windowed)
        power = (np.square(spectrum.real) + np.square(spectrum.imag)).astype(np.float32)
        features: Floats = np.log(np.maximum(power @ self.filters, floor))
        if self.cepstra is not None:
            features = features @ self.cepstra
        if energy is None:
            return features
        return np.concatenate((energy, features if self.cepstra is None else features[:, 1:]), axis=1)
