"""Seconds, samples and sample rates: the only place that rounds seconds to samples, and that resamples."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from asr.dependencies import load_error
from asr.errors import DataError

if TYPE_CHECKING:
    import torch

Seconds = float

RESAMPLE_WIDTH = 6  # zero crossings of the resampling filter on each side, torchaudio's default
_LOWEST_RATE, _HIGHEST_RATE = 1000, 1_000_000  # Hz; what lies outside is a damaged header, not a recording
_RATIO_LIMIT = 1000  # largest denominator of a resampling ratio: off by at most 1 microsecond a second
_LARGEST_FILTER = 4_000_000  # numerator times denominator, to which the memory of the resampling filter is proportional


def seconds_to_samples(seconds: Seconds, sample_rate: int) -> int:
    """Returns the nearest whole number of samples, halves up, so that n / sample_rate comes back as n.

    The product is first rounded to 8 digits: 0.145 s at 8000 Hz is 1160 samples, in floats 1159.9999999999998.
    Lhotse counts the same way, so a segment has as many samples here as in its manifest.

    Example:
        >>> seconds_to_samples(0.5, 16000), seconds_to_samples(1.5 / 16000, 16000)
        (8000, 2)
    """
    return int(Decimal(round(seconds * sample_rate, ndigits=8)).quantize(Decimal(0), rounding=ROUND_HALF_UP))


def samples_to_seconds(num_samples: int, sample_rate: int) -> Seconds:
    """Returns the duration of ``num_samples`` at ``sample_rate`` Hz."""
    return num_samples / sample_rate


def check_rate(path: Path, sample_rate: int) -> None:
    """Refuses a sample rate that no recording has; resampling from it could take gigabytes of memory.

    Raises:
        DataError: the rate lies outside 1 kHz to 1 MHz.
    """
    if not _LOWEST_RATE <= sample_rate <= _HIGHEST_RATE:
        found = f"has a sample rate of {sample_rate:,} Hz by its header, which no recording has"
        raise DataError(path, found, "make the file again, or leave it out")


def resampling_ratio(source_rate: int, sample_rate: int) -> Fraction:
    """Returns source over target rate, as a fraction whose terms keep the resampling filter small.

    Example:
        >>> resampling_ratio(44100, 16000), resampling_ratio(16001, 16000)
        (Fraction(441, 160), Fraction(1, 1))
    """
    ratio = Fraction(source_rate, sample_rate)
    return ratio.limit_denominator(min(_RATIO_LIMIT, max(1, math.isqrt(int(_LARGEST_FILTER / ratio)))))


def resample(waveform: torch.Tensor, source_rate: int, sample_rate: int, path: Path) -> torch.Tensor:
    """Resamples a waveform, shape (S,); one at the right rate comes back as it is.

    Args:
        waveform: samples.
        source_rate: their rate, in Hz.
        sample_rate: the wanted rate, in Hz.
        path: what the error names.

    Raises:
        DataError: torchaudio, which alone can resample, is not there or does not load.
    """
    ratio = resampling_ratio(source_rate, sample_rate)
    if ratio == 1:
        return waveform
    try:
        from torchaudio.functional import resample
    except Exception as error:  # a library that is broken may raise anything while it is imported
        lacking = load_error(error)
        if lacking is None:
            raise
        found = f"cannot be resampled from {source_rate} to {sample_rate} Hz: {lacking.where} {lacking.found}"
        raise DataError(path, found, lacking.remedy) from error
    source, target = ratio.numerator, ratio.denominator
    resampled: torch.Tensor = resample(waveform, source, target, lowpass_filter_width=RESAMPLE_WIDTH)
    return resampled
