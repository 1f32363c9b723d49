"""Where another voice or another microphone begins: at pauses whose two sides have other spectra."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import log

import numpy as np
from numpy.typing import NDArray

from asr.audio.rates import Seconds
from asr.audio.resampling import Waveform
from asr.transcription.silences import LEVEL_FRAME, Flags

Spectra = NDArray[np.float32]

_STEP = 2  # frames of LEVEL_FRAME from spectrum to spectrum
_WIDTH = 3  # of them in a spectrum
_NUM_BANDS = 16
_LOWEST_HZ, _HIGHEST_HZ = 60.0, 7600.0
_WINDOW: Seconds = 4.0  # on either side of a pause that is looked at
_LEAST: Seconds = 1.0  # of speech on either side
_FLOOR = 1e-10  # added to powers
_PENALTY = 0.85  # times the criterion's own: a change that is missed costs more words than a cut too many
_VARIANCE = 0.01  # added to variances, so that bands that a codec has emptied do no harm


def change_scores(
    waveform: Waveform, sample_rate: int, is_quiet: Flags, pauses: Sequence[tuple[int, int]]
) -> NDArray[np.float64]:
    """Returns how much better two Gaussians describe the speech around each pause than one: above 0, the voice changes.

    Source: S. Chen, P. Gopalakrishnan, "Speaker, environment and channel change detection and clustering via the
    Bayesian information criterion", 1998, with a penalty (their lambda) of 0.85. The vectors are log-mel spectra of 16
    bands, 20 ms apart, of the speech in up to four seconds on either side; where that is less than a second, the score
    is 0.

    Args:
        waveform: samples, shape (S,).
        sample_rate: sample rate in Hz.
        is_quiet: whether each frame of :data:`LEVEL_FRAME` is quiet, shape (T,).
        pauses: first frame and end of each pause.
    """
    frame = max(1, round(LEVEL_FRAME * sample_rate))
    spectra = _log_mel(waveform, sample_rate, frame)
    is_speech = ~is_quiet[::_STEP][: len(spectra)]
    spectra = spectra[: len(is_speech)]
    window, least = (round(seconds / LEVEL_FRAME / _STEP) for seconds in (_WINDOW, _LEAST))

    def score(start: int, end: int) -> float:
        before = slice(max(0, start // _STEP - window), start // _STEP)
        after = slice(end // _STEP, end // _STEP + window)
        sides = [spectra[part][is_speech[part]] for part in (before, after)]
        if min(map(len, sides)) < least:
            return 0.0
        both = np.concatenate(sides)
        gain = _spread(both) - _spread(sides[0]) - _spread(sides[1])
        return (gain - _PENALTY * _NUM_BANDS * (_NUM_BANDS + 3) / 2 * log(len(both))) / 2

    return np.array([score(*pause) for pause in pauses])


def _spread(vectors: Spectra) -> float:
    """Returns the number of vectors, shape (N, 16), times the log determinant of their covariance."""
    covariance = np.cov(vectors.T, bias=True) + _VARIANCE * np.eye(_NUM_BANDS)
    return len(vectors) * float(np.linalg.slogdet(covariance)[1])


def _log_mel(waveform: Waveform, sample_rate: int, frame: int) -> Spectra:
    """Returns natural logarithms of mel powers, shape (T / 2, 16)."""
    width = _WIDTH * frame
    if len(waveform) < width:
        return np.empty((0, _NUM_BANDS), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(waveform, width)[:: _STEP * frame]
    powers = np.abs(np.fft.rfft(frames * np.hanning(width).astype(np.float32))) ** 2
    return np.asarray(np.log(powers.astype(np.float32) @ _bands(sample_rate, width) + np.float32(_FLOOR)))


@cache
def _bands(sample_rate: int, width: int) -> Spectra:
    """Returns triangles that are equally spaced on the mel scale, shape (width // 2 + 1, 16)."""
    hertz = np.linspace(0, sample_rate / 2, width // 2 + 1)
    lowest, highest = _mel(np.array([_LOWEST_HZ, min(_HIGHEST_HZ, 0.475 * sample_rate)])).tolist()
    edges = np.linspace(lowest, highest, _NUM_BANDS + 2)
    rising = (_mel(hertz)[:, None] - edges[:-2]) / (edges[1] - edges[0])
    return np.asarray(np.maximum(0, np.minimum(rising, 2 - rising)), np.float32)


def _mel(hertz: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1127.0 * np.log1p(hertz / 700.0)
