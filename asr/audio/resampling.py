"""Waveforms at other sample rates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import lru_cache
from itertools import chain

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Waveform = NDArray[np.float32]
"""Samples of one channel, shape (S,)."""

RESAMPLE_WIDTH = 6  # zero crossings of the resampling filter on each side
_ROLLOFF = 0.99  # of the lower Nyquist frequency, where the filter cuts off
_BLOCK = 1 << 20  # numbers that are multiplied by the filter at a time
_RATIO_LIMIT = 1000  # largest denominator of a resampling ratio: off by at most 1 microsecond a second
_LARGEST_FILTER = 4_000_000  # numerator times denominator, to which the memory of the resampling filter is proportional


def resampling_ratio(source_rate: int, sample_rate: int) -> Fraction:
    """Returns source over target rate, as a fraction whose terms keep the resampling filter small.

    Example:
        >>> resampling_ratio(44100, 16000), resampling_ratio(16001, 16000)
        (Fraction(441, 160), Fraction(1, 1))
    """
    ratio = Fraction(source_rate, sample_rate)
    return ratio.limit_denominator(min(_RATIO_LIMIT, max(1, math.isqrt(int(_LARGEST_FILTER / ratio)))))


def resample(waveform: Waveform, source_rate: int, sample_rate: int) -> Waveform:
    """Resamples a waveform, shape (S,); one at the right rate comes back as it is.

    The filter is a sinc of :data:`RESAMPLE_WIDTH` zero crossings on each side under a Hann window, cut off at 99 % of
    the lower Nyquist frequency.

    **Source**: Smith, "Digital audio resampling"; equal to ``torchaudio.functional.resample`` to 1e-4, which rounds its
    filter.

    Args:
        waveform: samples.
        source_rate: their rate, in Hz.
        sample_rate: the wanted rate, in Hz.
    """
    ratio = resampling_ratio(source_rate, sample_rate)
    if ratio == 1:
        return waveform
    source, target = ratio.numerator, ratio.denominator
    kernels = _kernels(source, target)  # (samples seen, target)
    margin = (len(kernels) - source) // 2
    padded = np.pad(waveform, (margin, margin + source))
    windows = sliding_window_view(padded, len(kernels))[::source]  # (len(waveform) // source + 1, samples seen)
    block = max(1, _BLOCK // len(kernels))
    parts = [windows[first : first + block] @ kernels for first in range(0, len(windows), block)]
    return np.concatenate(parts).ravel()[: -(-target * len(waveform) // source)]


def resampling_context(ratio: Fraction) -> int:
    """Returns the source samples on either side that a resampled sample sees, rounded up to a multiple of the ratio.

    Example:
        >>> resampling_context(Fraction(441, 160)), resampling_context(Fraction(1))
        (441, 0)
    """
    width = 0 if ratio == 1 else math.ceil(2 * RESAMPLE_WIDTH * max(ratio, Fraction(1))) + 1
    return ratio.numerator * math.ceil(width / ratio.numerator)


def resample_blocks(blocks: Iterable[Waveform], source_rate: int, sample_rate: int) -> Iterator[Waveform]:
    """Resamples a stream as it comes; joined, the blocks are what :func:`resample` makes of all samples.

    Args:
        blocks: consecutive waveforms, shape (S,) each.
        source_rate: their rate, in Hz.
        sample_rate: the wanted rate, in Hz.
    """
    ratio = resampling_ratio(source_rate, sample_rate)
    unit, context = ratio.numerator, resampling_context(ratio)
    held, done = np.empty(0, np.float32), 0  # source samples held, and those of them that have been resampled
    for block in chain(blocks, [None]):
        held = held if block is None else np.concatenate((held, block))
        stop = len(held) if block is None else max(done, (len(held) - context) // unit * unit)
        if stop > done:
            resampled = resample(held, source_rate, sample_rate)
            first = done * ratio.denominator // unit
            yield resampled[first:] if block is None else resampled[first : stop * ratio.denominator // unit]
            kept = max(0, stop - context)
            held, done = held[kept:], stop - kept


@lru_cache(maxsize=8)
def _kernels(source: int, target: int) -> Waveform:
    """Returns the filter of each of ``target`` samples that follow from ``source`` ones, one a column."""
    cutoff = _ROLLOFF * min(source, target)
    width = math.ceil(RESAMPLE_WIDTH * source / cutoff)
    times = np.arange(-width, width + source)[:, None] / source - np.arange(target) / target  # (samples seen, target)
    times = np.clip(times * cutoff, -RESAMPLE_WIDTH, RESAMPLE_WIDTH)
    window = np.cos(times * np.pi / (2 * RESAMPLE_WIDTH)) ** 2
    return np.asarray(np.sinc(times) * window * (cutoff / source), np.float32)
