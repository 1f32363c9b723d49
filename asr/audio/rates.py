"""Seconds, samples and sample rates: the only place that rounds seconds to samples."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from asr.errors import DataError

Seconds = float

RAW_RATE = 16000
"""Hz of PCM without a header, unless another rate is named."""

_LOWEST_RATE, _HIGHEST_RATE = 1000, 1_000_000  # Hz; what lies outside is a damaged header, not a recording


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
