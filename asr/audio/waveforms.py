"""Audio files to waveforms and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from asr.audio.channels import check_channel, loudest_if_cancelling, mix, tell_cancelling
from asr.audio.opening import count_samples, open_sound
from asr.audio.rates import Seconds, samples_to_seconds, seconds_to_samples
from asr.audio.resampling import Waveform, resample, resampling_context, resampling_ratio
from asr.audio.sound import Samples, Sound, joined
from asr.errors import DataError
from asr.files import written_whole

if TYPE_CHECKING:
    import torch

_BEYOND_END = 0.01  # seconds that a segment may reach beyond its file: durations in manifests are rounded
_EMPTY = "holds no samples"
_CLIPPED = 2.0  # full scales; what is larger was meant for another scale


@dataclass(frozen=True)
class AudioInfo:
    """What an audio file holds.

    Attributes:
        sample_rate: Hz.
        num_samples: samples of each channel.
        num_channels: 1 for mono.
    """

    sample_rate: int
    num_samples: int
    num_channels: int

    @property
    def duration(self) -> Seconds:
        """Seconds of audio."""
        return samples_to_seconds(self.num_samples, self.sample_rate)


def probe(path: str | Path, stored: bytes | None = None) -> AudioInfo:
    """Finds out what an audio file holds: what its header says, where that is true, and else by decoding it.

    A file with a sound header and no samples is not an error here, but ``num_samples`` 0.

    Args:
        path: an audio file.
        stored: its bytes, if it lies in an archive: ``path`` is then only what errors name.

    Raises:
        DataError: the file is missing, empty, truncated, or no audio that can be read here.
    """
    return AudioInfo(*count_samples(Path(path), stored))


class Header(NamedTuple):
    """The properties of an audio file that are known without decoding it.

    Attributes:
        sample_rate: Hz.
        num_samples: samples of each channel; None if only decoding tells.
        num_channels: 1 for mono.
    """

    sample_rate: int
    num_samples: int | None
    num_channels: int


def peek(path: str | Path, stored: bytes | None = None) -> Header:
    """Returns the header of an audio file; arguments and errors are those of :func:`probe`."""
    with open_sound(Path(path), stored) as sound:
        return Header(sound.sample_rate, sound.num_samples, sound.num_channels)


def read(
    path: str | Path,
    *,
    sample_rate: int,
    start: Seconds = 0.0,
    duration: Seconds | None = None,
    channel: int | None = None,
) -> torch.Tensor:
    """Returns the waveform of a file or of a segment of it.

    Args:
        path: WAV, FLAC, MP3, Ogg Vorbis or Opus, NIST SPHERE, or another format of libsndfile; with the extra
            ``media`` also m4a, WebM, wma, amr, and what else FFmpeg reads.
        sample_rate: Hz of the returned waveform; a file at another rate is resampled.
        start: seconds from the start of the file.
        duration: seconds to read; None reads to the end.
        channel: which one to read, from 0; None for the mean of all, or, where they cancel each other, the loudest,
            which is logged.

    Returns:
        float32 samples, shape (S,), between -1 and 1 where the file stores integers.

    Raises:
        DataError: the file is missing, empty, truncated, not audio, has no such channel, holds samples that are no
            numbers, or the segment reaches beyond its end.
    """
    import torch

    path = Path(path)
    with open_sound(path) as sound:
        if channel is not None:
            check_channel(path, channel, sound.num_channels)
        samples = _read_segment(sound, start, duration)
        if channel is None:
            channel = loudest_if_cancelling([samples], sound.num_channels)
            if channel is not None:
                tell_cancelling(path, channel)
        return torch.from_numpy(np.ascontiguousarray(resample(mix(samples, channel), sound.sample_rate, sample_rate)))


def stream(
    path: str | Path,
    sample_rate: int,
    block_seconds: Seconds = 30.0,
    channel: int | None = None,
    stored: bytes | None = None,
) -> Iterator[Waveform]:
    """Yields the waveform of a long file in blocks, shape (S,) each; joined, they are what :func:`read` returns.

    Args:
        path: an audio file.
        sample_rate: Hz of the blocks.
        block_seconds: length of every block but the last, to within a few samples.
        channel: as for :func:`read`; None decodes a file of several channels twice.
        stored: as for :func:`probe`.
    """
    path = Path(path)
    channel = _choose_channel(path, stored) if channel is None else channel
    with open_sound(path, stored) as sound:
        check_channel(path, channel or 0, sound.num_channels)
        ratio = resampling_ratio(sound.sample_rate, sample_rate)
        unit = ratio.numerator  # input samples after which input and output samples fall together again
        block = unit * max(1, round(block_seconds * sound.sample_rate / unit))
        context = resampling_context(ratio)
        left, is_ended = 0, False
        buffer = np.empty(0, np.float32)
        while not is_ended or len(buffer) > left:
            wanted = left + block + context + 1 - len(buffer)  # one more tells whether the end has come
            if not is_ended and wanted > 0:
                samples = sound.read(wanted)
                is_ended = len(samples) < wanted
                buffer = np.concatenate((buffer, mix(samples, channel)))
            if not sound.position:
                raise DataError(path, _EMPTY, "record it again or leave it out")
            is_last = is_ended and len(buffer) <= left + block
            stop = len(buffer) if is_last else left + block
            begin = left * ratio.denominator // unit
            resampled = resample(buffer, sound.sample_rate, sample_rate)
            yield resampled[begin:] if is_last else resampled[begin : stop * ratio.denominator // unit]
            keep = max(0, stop - context)
            buffer, left = buffer[keep:], stop - keep


def _choose_channel(path: Path, stored: bytes | None) -> int | None:
    """Decodes a file of several channels to find out whether they cancel each other; returns the loudest if they do."""
    with open_sound(path, stored) as sound:
        if sound.num_channels == 1:
            return None
        channel = loudest_if_cancelling(sound.blocks(), sound.num_channels)
    if channel is not None:
        tell_cancelling(path, channel)
    return channel


def read_segment(
    path: str | Path, start: Seconds = 0.0, duration: Seconds | None = None, stored: bytes | None = None
) -> tuple[Samples, int]:
    """Reads a segment of a file at its own rate, with all its channels.

    Arguments and errors are those of :func:`read` and :func:`probe`.

    Returns:
        float32 samples, shape (S, C), and their rate in Hz.
    """
    with open_sound(Path(path), stored) as sound:
        return _read_segment(sound, start, duration, stored), sound.sample_rate


def segment_blocks(
    path: str | Path, start: Seconds, duration: Seconds | None, stored: bytes | None = None
) -> Iterator[Samples]:
    """Yields what :func:`read_segment` returns block by block."""
    with open_sound(Path(path), stored) as sound:
        yield from _blocks(sound, start, duration, stored)


def write_wav(path: str | Path, waveform: torch.Tensor, sample_rate: int) -> None:
    """Writes a 16-bit WAV file that appears whole or not at all.

    Args:
        path: file to write; missing folders are made.
        waveform: samples, shape (S,); what lies outside -1 to 1 is clipped.
        sample_rate: Hz.

    Raises:
        DataError: the file cannot be written.
    """
    from asr.audio import libsndfile

    with written_whole(path) as beside:
        libsndfile.write(beside, waveform.detach().cpu().numpy(), sample_rate)


def as_opus(waveform: torch.Tensor, sample_rate: int) -> bytes:
    """Returns a waveform as a small file that browsers play: Ogg Opus of about 24 kbit/s.

    Args:
        waveform: samples, shape (S,); what lies outside -1 to 1 is clipped.
        sample_rate: 8000, 12000, 16000, 24000 or 48000 Hz.

    Raises:
        ValueError: Opus does not know such a rate.
    """
    from asr.audio import libsndfile

    return libsndfile.opus(waveform.detach().cpu().clamp(-1.0, 1.0).numpy(), sample_rate)


def segment_as_flac(path: str | Path, start: Seconds, duration: Seconds, stored: bytes | None = None) -> bytes:
    """Returns a segment of a file as a FLAC file of 24 bits, all its channels and its rate kept.

    Exact for integers of up to 24 bits; for other audio the error is below 2^-23 of full scale. What decodes to a
    little more than full scale, as MP3 does, is clipped, as players do it.

    Arguments are those of :func:`read` and :func:`probe`.

    Raises:
        DataError: as for :func:`read`, or FLAC does not know so many channels or such a rate.
    """
    from asr.audio import libsndfile

    samples, sample_rate = read_segment(path, start, duration, stored)
    if (loudest := float(np.abs(samples).max())) > _CLIPPED:
        found = f"cannot be written as FLAC: its samples are as large as {loudest:.3g}, where 1 is full scale"
        raise DataError(path, found, "make the file again, with samples between -1 and 1")
    whole = np.clip(np.rint(samples.astype(np.float64) * 2**31), -(2**31), 2**31 - 1).astype(np.int32)
    try:
        return libsndfile.flac(whole, sample_rate)
    except ValueError as error:
        raise DataError(path, f"cannot be written as FLAC ({error})", "convert it to at most 8 channels") from None


def _read_segment(sound: Sound, start: Seconds, duration: Seconds | None, stored: bytes | None = None) -> Samples:
    return joined(list(_blocks(sound, start, duration, stored)), sound.num_channels)


def _blocks(sound: Sound, start: Seconds, duration: Seconds | None, stored: bytes | None) -> Iterator[Samples]:
    """Yields the blocks of a segment; complains where that reaches beyond the end."""
    rate = sound.sample_rate
    first = seconds_to_samples(start, rate)
    count = None if duration is None else seconds_to_samples(duration, rate)
    is_possible = first >= 0 and (count is None or count > 0)
    slack = _BEYOND_END * rate
    known = sound.num_samples
    if known is not None and known and (first >= known or (count is not None and first + count - known > slack)):
        is_possible = False
    if is_possible:
        if first:
            sound.skip(first)
        read = 0
        for samples in sound.blocks(count):
            read += len(samples)
            yield samples
        if read and (count is None or count - read <= slack):
            return
    total = known if known is not None else count_samples(sound.path, stored)[1]
    if not total:
        raise DataError(sound.path, _EMPTY, "record it again or leave it out")
    wanted = f"{start:.3f} s to {'the end' if duration is None else f'{start + duration:.3f} s'}"
    found = f"the segment from {wanted} is not inside its {samples_to_seconds(total, rate):.3f} s"
    raise DataError(sound.path, found, "correct the start and duration in the manifest")
