"""A quick estimate of the audio in recordings."""

from __future__ import annotations

import time
from collections.abc import Sequence

from asr.audio.rates import Seconds
from asr.errors import AsrError
from asr.transcription.inputs import Recording

_SAMPLED = 200  # recordings whose headers are read at most
_PATIENCE: Seconds = 0.5


def estimate_seconds(recordings: Sequence[Recording], patience: Seconds = _PATIENCE) -> Seconds | None:
    """Returns roughly how many seconds of audio recordings have: exact for a few, by file sizes for many.

    Args:
        recordings: any number; the headers of some are read.
        patience: seconds after which no more headers are read.

    Returns:
        None if it is unknown.
    """
    from asr.audio.waveforms import peek  # not before it is needed: it loads NumPy

    until = time.monotonic() + patience
    seconds, num_bytes, sizes = 0.0, 0, [_size(recording) for recording in recordings]
    step = -(-len(recordings) // _SAMPLED)
    for place in range(0, len(recordings), max(1, step)):
        try:
            header = peek(recordings[place].path, recordings[place].stored)
        except AsrError:
            continue  # reported in its turn
        if header.num_samples is not None:
            seconds += header.num_samples / header.sample_rate
            num_bytes += sizes[place]
        if time.monotonic() > until:
            break
    return seconds * sum(sizes) / num_bytes if num_bytes else None


def _size(recording: Recording) -> int:
    if recording.stored is not None:
        return len(recording.stored)
    try:
        return recording.path.stat().st_size
    except (OSError, ValueError):
        return 0  # reported in its turn
