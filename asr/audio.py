"""Audio files to waveforms and back: the only place that rounds seconds to samples."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.audio_headers import missing_bytes
from asr.errors import DataError
from asr.files import written_whole

if TYPE_CHECKING:
    import torch

Seconds = float

_RATIO_LIMIT = 1000  # largest denominator of a resampling ratio: off by at most 1 microsecond a second
_RESAMPLE_WIDTH = 6  # zero crossings of the resampling filter on each side, torchaudio's default
_BEYOND_END = 0.01  # seconds that a segment may reach beyond its file: durations in manifests are rounded
_CONVERT = "convert it to WAV or FLAC, for example with: ffmpeg -i {name} {stem}.flac"


@dataclass(frozen=True)
class AudioInfo:
    """What the header of an audio file says.

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


def seconds_to_samples(seconds: Seconds, sample_rate: int) -> int:
    """Gives the nearest whole number of samples, halves up, so that n / sample_rate comes back as n.

    The product is first rounded to 8 digits: 0.145 s at 8000 Hz is 1160 samples, in floats 1159.9999999999998.
    Lhotse counts the same way, so a segment has as many samples here as in its manifest.

    Example:
        >>> seconds_to_samples(0.5, 16000), seconds_to_samples(1.5 / 16000, 16000)
        (8000, 2)
    """
    return int(Decimal(round(seconds * sample_rate, ndigits=8)).quantize(Decimal(0), rounding=ROUND_HALF_UP))


def samples_to_seconds(num_samples: int, sample_rate: int) -> Seconds:
    """Gives the duration of ``num_samples`` at ``sample_rate`` Hz.

    Example:
        >>> samples_to_seconds(8000, 16000)
        0.5
    """
    return num_samples / sample_rate


def probe(path: str | Path, stored: bytes | None = None) -> AudioInfo:
    """Reads the header of an audio file and checks that the file is as long as the header says.

    A file with a sound header and no samples is not an error here, but ``num_samples`` 0.

    Args:
        path: an audio file.
        stored: its bytes, if it lies in an archive: ``path`` is then only what errors name.

    Raises:
        DataError: the file is missing, empty, truncated, or not audio that libsndfile reads.
    """
    with _open(Path(path), stored) as sound:
        return AudioInfo(sound.samplerate, sound.frames, sound.channels)


def read(path: str | Path, *, sample_rate: int, start: Seconds = 0.0, duration: Seconds | None = None) -> torch.Tensor:
    """Gives the waveform of a file or of a segment of it, as the mean of its channels.

    Args:
        path: WAV, FLAC, MP3, Ogg Vorbis or Opus, NIST SPHERE, or another format of libsndfile.
        sample_rate: Hz of the waveform that is given; a file at another rate is resampled.
        start: seconds from the start of the file.
        duration: seconds to read; None reads to the end.

    Returns:
        float32 samples, shape (S,), between -1 and 1 where the file stores integers.

    Raises:
        DataError: the file is missing, empty, truncated, not audio, holds samples that are no numbers, or the segment
            reaches beyond its end.
    """
    path = Path(path)
    with _open(path) as sound:
        waveform = _next_samples(path, sound, _seek_segment(path, sound, start, duration))
        return _resample(waveform, sound.samplerate, sample_rate)


def stream(path: str | Path, sample_rate: int, block_seconds: Seconds = 30.0) -> Iterator[torch.Tensor]:
    """Gives the waveform of a long file block by block; joined, the blocks equal what :func:`read` gives.

    Args:
        path: an audio file.
        sample_rate: Hz of the blocks.
        block_seconds: length of every block but the last, to within a few samples.

    Yields:
        float32 samples, shape (S,).

    Raises:
        DataError: as for :func:`read`.
    """
    import torch

    path = Path(path)
    with _open(path) as sound:
        _seek_segment(path, sound, 0.0, None)
        ratio = _ratio(sound.samplerate, sample_rate)
        unit = ratio.numerator  # input samples after which input and output samples fall together again
        block = unit * max(1, round(block_seconds * sound.samplerate / unit))
        width = 0 if ratio == 1 else math.ceil(2 * _RESAMPLE_WIDTH * max(ratio, Fraction(1))) + 1
        context = unit * math.ceil(width / unit)
        left, remaining = 0, sound.frames
        buffer = torch.empty(0)
        while remaining or len(buffer) > left:
            count = min(remaining, left + block + context - len(buffer))
            if count:
                buffer = torch.cat((buffer, _next_samples(path, sound, count)))
                remaining -= count
            resampled = _resample(buffer, sound.samplerate, sample_rate)
            stop = left + block if remaining or len(buffer) > left + block else len(buffer)
            begin = left * ratio.denominator // unit
            yield resampled[begin:] if stop == len(buffer) else resampled[begin : stop * ratio.denominator // unit]
            keep = max(0, stop - context)
            buffer, left = buffer[keep:], stop - keep


def write_wav(path: str | Path, waveform: torch.Tensor, sample_rate: int) -> None:
    """Writes a 16-bit WAV file that appears whole or not at all.

    Args:
        path: file to write; missing folders are made.
        waveform: samples, shape (S,); what lies outside -1 to 1 is clipped.
        sample_rate: Hz.

    Raises:
        DataError: the file cannot be written.
    """
    import soundfile

    with written_whole(path) as beside:
        try:
            soundfile.write(beside, waveform.detach().cpu().numpy(), sample_rate, subtype="PCM_16", format="WAV")
        except soundfile.LibsndfileError as error:
            raise OSError(error.error_string) from None


def segment_as_flac(path: str | Path, start: Seconds, duration: Seconds, stored: bytes | None = None) -> bytes:
    """Gives a segment of a file as a FLAC file of 24 bits, all its channels and its rate kept.

    Exact for integers of up to 24 bits; for other audio the error is below 2^-23 of full scale.

    Args are those of :func:`read` and :func:`probe`.

    Raises:
        DataError: as for :func:`read`, or FLAC does not know so many channels or such a rate.
    """
    import soundfile

    path = Path(path)
    with _open(path, stored) as sound:
        samples = _read_samples(path, sound, _seek_segment(path, sound, start, duration), "int32")
        written = io.BytesIO()
        try:
            soundfile.write(written, samples, sound.samplerate, subtype="PCM_24", format="FLAC")
        except (soundfile.LibsndfileError, ValueError) as error:
            raise DataError(path, f"cannot be written as FLAC ({error})", "convert it to at most 8 channels") from None
        return written.getvalue()


def _seek_segment(path: Path, sound: Any, start: Seconds, duration: Seconds | None) -> int:
    """Moves to the start of a segment; gives its samples."""
    if not sound.frames:
        raise DataError(path, "holds no samples", "record it again or leave it out")
    first = seconds_to_samples(start, sound.samplerate)
    count = sound.frames - first if duration is None else seconds_to_samples(duration, sound.samplerate)
    end = min(first + count, int(sound.frames))
    if first < 0 or count <= 0 or first >= end or first + count - end > _BEYOND_END * sound.samplerate:
        wanted = f"{start:.3f} s to {'the end' if duration is None else f'{start + duration:.3f} s'}"
        found = f"the segment from {wanted} is not inside its {sound.frames / sound.samplerate:.3f} s"
        raise DataError(path, found, "correct the start and duration in the manifest")
    with _sndfile_errors(path):
        sound.seek(first)
    return end - first


def _read_samples(path: Path, sound: Any, count: int, dtype: str) -> Any:
    with _sndfile_errors(path):
        samples = sound.read(count, dtype=dtype, always_2d=True)
    if len(samples) < count:
        raise _truncated(path, f"{count} samples are there by its header, {len(samples)} were read")
    return samples


def _next_samples(path: Path, sound: Any, count: int) -> torch.Tensor:
    import torch

    samples = _read_samples(path, sound, count, "float32")
    waveform = torch.from_numpy(samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1))
    if not bool(waveform.isfinite().all()):
        raise DataError(path, "some of its samples are infinite or not a number", "make the file again")
    return waveform


def _ratio(source_rate: int, sample_rate: int) -> Fraction:
    return Fraction(source_rate, sample_rate).limit_denominator(_RATIO_LIMIT)


def _resample(waveform: torch.Tensor, source_rate: int, sample_rate: int) -> torch.Tensor:
    ratio = _ratio(source_rate, sample_rate)
    if ratio == 1:
        return waveform
    from torchaudio.functional import resample

    resampled: torch.Tensor = resample(
        waveform, ratio.numerator, ratio.denominator, lowpass_filter_width=_RESAMPLE_WIDTH
    )
    return resampled


@contextmanager
def _open(path: Path, stored: bytes | None = None) -> Iterator[Any]:
    import soundfile

    try:
        with path.open("rb") if stored is None else io.BytesIO(stored) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            head = file.read(4096)
            missing = missing_bytes(file, head, size)
    except FileNotFoundError:
        raise DataError(path, "no such file", "check the path") from None
    except IsADirectoryError:
        raise DataError(path, "is a folder, not an audio file", "name the files in it") from None
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})", "check the file and its rights") from None
    if not size:
        raise DataError(path, "is empty (0 bytes)", "copy or record it again")
    if missing > 0:
        raise _truncated(path, f"the last {missing:,} bytes that its header promises are missing")
    try:
        sound = soundfile.SoundFile(path if stored is None else io.BytesIO(stored))
    except soundfile.LibsndfileError as error:
        raise _not_audio(path, head, error) from None
    with sound:
        yield sound


@contextmanager
def _sndfile_errors(path: Path) -> Iterator[None]:
    import soundfile

    try:
        yield
    except soundfile.LibsndfileError as error:
        reason = (error.error_string or f"libsndfile error {error.code}").rstrip(".")
        raise DataError(path, f"is damaged or truncated ({reason})", "copy or convert it again") from None


def _truncated(path: Path, found: str) -> DataError:
    return DataError(path, f"is truncated: {found}", "copy it again or leave it out")


def _not_audio(path: Path, head: bytes, error: Any) -> DataError:
    if _is_text(head):
        return DataError(path, "is a text file, not audio", "check the path")
    reason = error.error_string.rstrip(".") or "unknown format"
    remedy = _CONVERT.format(name=path.name, stem=path.stem)
    return DataError(path, f"is not audio that libsndfile reads ({reason})", remedy)


def _is_text(head: bytes) -> bool:
    try:
        text = head[:512].decode("utf-8", errors="strict" if len(head) <= 512 else "ignore")
    except UnicodeDecodeError:
        return False
    return len(text.encode()) > min(len(head), 512) - 4 and all(c.isprintable() or c.isspace() for c in text)
