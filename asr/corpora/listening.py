"""What an utterance holds, found by reading it once, block by block: how loud it is, and which audio it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from lhotse.cut import Cut
from numpy.typing import NDArray

from asr.audio.channels import loudest_if_cancelling, mix
from asr.audio.waveforms import segment_blocks
from asr.corpora.audio_backend import MISMATCH
from asr.errors import DataError, first_of_ours

Samples = NDArray[np.float32]  # shape (S, C)


@dataclass(frozen=True)
class Heard:
    """What reading an utterance found.

    Attributes:
        peak: largest distance of a sample from their mean.
        digest: of the samples, as one channel.
        channel: the loudest, as the recording names it, if channels cancel each other; None if their mean is read.
    """

    peak: float
    digest: str
    channel: int | None = None


def audio_path(cut: Cut) -> str:
    """Returns the file with a cut's audio; an empty string for cuts that are mixed or have none."""
    recording = getattr(cut, "recording", None)
    return str(recording.sources[0].source) if recording is not None and recording.sources else ""


def listen(cut: Cut) -> Heard:
    """Reads the samples of a cut, as training will.

    Raises:
        DataError: they cannot be read.
    """
    blocks = _reader(cut)
    channels = cut.channel if isinstance(getattr(cut, "channel", None), list) else [getattr(cut, "channel", 0)]
    column = loudest_if_cancelling(blocks(), len(channels)) if len(channels) > 1 else None
    digest = hashlib.sha256()
    low, high, total, count = np.inf, -np.inf, 0.0, 0
    for block in blocks():
        waveform = np.ascontiguousarray(mix(block, column))
        digest.update(waveform.data)
        low, high = min(low, float(waveform.min())), max(high, float(waveform.max()))
        total, count = total + float(waveform.sum(dtype=np.float64)), count + len(waveform)
    if abs(count - cut.num_samples) > 1 + MISMATCH * cut.sampling_rate:
        found = f"has {count:,} samples, where the list of cuts has {cut.num_samples:,}"
        raise DataError(cut.id, found, "make the list again from the files")
    mean = total / max(count, 1)
    peak = max(high - mean, mean - low) if count else 0.0
    return Heard(peak, digest.hexdigest(), None if column is None else channels[column])


def _reader(cut: Cut) -> Callable[[], Iterable[Samples]]:
    """Returns a function that yields the samples of a cut, of its own channels only, at each call."""
    recording = getattr(cut, "recording", None)
    if recording is not None and len(recording.sources) == 1 and not recording.transforms:
        source = recording.sources[0]
        channels = cut.channel if isinstance(cut.channel, list) else [cut.channel]
        if source.type == "file" and set(channels) <= set(source.channels):
            columns = [source.channels.index(channel) for channel in channels]
            return lambda: (block[:, columns] for block in segment_blocks(source.source, cut.start, cut.duration))
    try:
        samples = cut.load_audio().T
    except Exception as error:  # Lhotse wraps whatever the storage raises, ours too, in pages of text
        found = first_of_ours(error)
        if found is not None:
            raise DataError(cut.id, found.found, found.remedy) from None
        reason = str(error).partition("\n")[0]
        raise DataError(cut.id, f"audio cannot be read ({reason})", "check the cuts") from None
    return lambda: [samples]
