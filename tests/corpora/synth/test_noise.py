from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from asr.corpora.synth.noise import KINDS, add_noise, babble, make, pink, set_level, white


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(0)


def talkers() -> list[np.ndarray]:
    times = np.arange(8000) / 16000
    return [np.sin(2 * np.pi * pitch * times).astype(np.float32) * level for pitch, level in ((200, 0.1), (310, 1.0))]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("snr_db", [-5.0, 5.0, 17.3, 25.0])
def test_ratio_is_exact_over_the_utterance(kind: str, snr_db: float, generator: np.random.Generator) -> None:
    speech = generator.standard_normal(12345) * np.linspace(0, 1, 12345)
    noise = add_noise(speech, make(kind, len(speech), talkers(), generator), snr_db) - speech
    assert 10 * np.log10(np.sum(speech**2) / np.sum(noise**2)) == pytest.approx(snr_db, abs=1e-9)


def octave_levels(noise: np.ndarray) -> np.ndarray:
    power = np.abs(np.fft.rfft(noise)) ** 2
    edges = len(power) // 2 ** np.arange(6, 0, -1)
    return 10 * np.log10([power[low:high].mean() for low, high in pairwise(edges)])


def test_white_is_level_and_pink_falls_by_three_decibels_an_octave(generator: np.random.Generator) -> None:
    assert np.abs(np.diff(octave_levels(white(2**18, generator)))).max() < 0.5
    assert np.diff(octave_levels(pink(2**18, generator))) == pytest.approx(-3.01, abs=0.5)


def test_babble_has_its_talkers_equally_loud(generator: np.random.Generator) -> None:
    spectrum = np.abs(np.fft.rfft(babble(16000, talkers(), generator)))
    first, second = (spectrum[pitch] for pitch in (200, 310))
    assert first == pytest.approx(second, rel=1e-3)
    assert first > 1000 * spectrum[400:].max()


def test_babble_is_as_long_as_asked_for(generator: np.random.Generator) -> None:
    for length in (1, 7999, 20001):
        assert babble(length, talkers(), generator).shape == (length,)


def test_level(generator: np.random.Generator) -> None:
    quiet = set_level(white(1000, generator), -40.0, loudest=0.98)
    assert 10 * np.log10(np.mean(quiet**2)) == pytest.approx(-40.0)
    assert np.abs(set_level(white(1000, generator), 0.0, loudest=0.98)).max() == pytest.approx(0.98)
    assert not set_level(np.zeros(10), -20.0, loudest=0.98).any()


def test_silence_as_noise_changes_nothing() -> None:
    speech = np.ones(4)
    assert np.array_equal(add_noise(speech, np.zeros(4), 10.0), speech)
