"""Audio files to waveforms and back: any format, to its true end, with errors of one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asr.audio.kinds import AUDIO_SUFFIXES, MEDIA_SUFFIXES
from asr.audio.rates import Seconds, samples_to_seconds, seconds_to_samples

if TYPE_CHECKING:
    from asr.audio.waveforms import (
        AudioInfo,
        as_opus,
        peek,
        probe,
        read,
        read_segment,
        segment_as_flac,
        segment_blocks,
        stream,
        write_wav,
    )

__all__ = [
    "AUDIO_SUFFIXES",
    "MEDIA_SUFFIXES",
    "AudioInfo",
    "Seconds",
    "as_opus",
    "peek",
    "probe",
    "read",
    "read_segment",
    "samples_to_seconds",
    "seconds_to_samples",
    "segment_as_flac",
    "segment_blocks",
    "stream",
    "write_wav",
]


def __getattr__(name: str) -> Any:
    """Imports what needs NumPy when it is asked for: a command that only looks at its arguments starts without."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from asr.audio import waveforms

    return getattr(waveforms, name)
