"""Noise added to speech at an exact ratio: white, pink, and the babble of other speakers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Waveform = NDArray[np.float64]

KINDS = ("white", "pink", "babble")
NUM_TALKERS = 6


def make(
    kind: str, num_samples: int, talkers: Sequence[NDArray[np.float32]], generator: np.random.Generator
) -> Waveform:
    """Makes noise of one of the :data:`KINDS`; ``talkers`` are for babble alone."""
    if kind == "babble":
        return babble(num_samples, talkers, generator)
    return {"white": white, "pink": pink}[kind](num_samples, generator)


def white(num_samples: int, generator: np.random.Generator) -> Waveform:
    """Makes Gaussian noise with the same power at every frequency, shape (num_samples,)."""
    return generator.standard_normal(num_samples)


def pink(num_samples: int, generator: np.random.Generator) -> Waveform:
    """Makes Gaussian noise that falls by 3 dB per octave, shape (num_samples,)."""
    spectrum = np.fft.rfft(generator.standard_normal(num_samples))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    return np.fft.irfft(spectrum, num_samples)


def babble(num_samples: int, talkers: Sequence[NDArray[np.float32]], generator: np.random.Generator) -> Waveform:
    """Mixes up to :data:`NUM_TALKERS` talkers, equally loud, each from a random place in their speech, shape (S,), on.

    Speech of any length from 1 sample starts again at its end.
    """
    chosen = generator.permutation(len(talkers))[:NUM_TALKERS]
    mixed = np.zeros(num_samples)
    for index in chosen:
        start = int(generator.integers(len(talkers[index])))
        speech = np.asarray(talkers[index]).take(np.arange(start, start + num_samples), mode="wrap").astype(np.float64)
        mixed += speech / np.sqrt(np.mean(speech**2) + np.finfo(np.float64).tiny)
    return mixed


def add_noise(speech: Waveform, noise: Waveform, snr_db: float) -> Waveform:
    """Adds noise to speech, shape (S,), at a ratio of ``snr_db`` dB of their powers over all samples.

    Example:
        >>> add_noise(np.array([1.0, -1.0]), np.array([2.0, 2.0]), 20.0).round(3).tolist()
        [1.1, -0.9]
    """
    power, noise_power = float(np.mean(speech**2)), float(np.mean(noise**2))
    if not noise_power:
        return speech
    return speech + noise * float(np.sqrt(power / noise_power / 10 ** (snr_db / 10)))


def set_level(waveform: Waveform, level_db: float, loudest: float) -> Waveform:
    """Scales a waveform to an RMS level in dB of full scale; lower, if a sample would exceed ``loudest``."""
    root = float(np.sqrt(np.mean(waveform**2)))
    peak = float(np.max(np.abs(waveform)))
    if not root:
        return waveform
    return waveform * min(10 ** (level_db / 20) / root, loudest / peak)
