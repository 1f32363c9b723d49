"""Samples as they come: 16-bit PCM of a microphone or a pipe, with the header of a WAV file or without."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol, cast

import numpy as np

from asr.audio.channels import check_channel, mix
from asr.audio.layout import UNKNOWN_SIZE
from asr.audio.rates import RAW_RATE, Seconds, check_rate, seconds_to_samples
from asr.audio.resampling import Waveform
from asr.errors import DataError, UsageError

logger = logging.getLogger(__name__)


_FULL_SCALE = 32768.0
_SAMPLE = 2  # bytes
_PCM, _EXTENSIBLE = 1, 0xFFFE  # tags of WAV; what the second one holds stands in its subformat
_LEAST_FORMAT = 16  # bytes that say how samples are stored
_SUBFORMAT = slice(24, 26)
_OTHERS = {
    b"fLaC": "FLAC",
    b"OggS": "Ogg",
    b"ID3\3": "MP3",
    b"ID3\4": "MP3",
    b"FORM": "AIFF",
    b"caff": "CAF",
    b".snd": "AU",
    b"RF64": "RF64",
    b"riff": "W64",
    b"NIST": "NIST SPHERE",
    b"\x1a\x45\xdf\xa3": "Matroska or WebM",
}
_REMEDY = "make it PCM: ffmpeg -i FILE -f s16le -ar 16000 -ac 1 -"


class _Arriving(Protocol):
    def read1(self, size: int) -> bytes:
        """Returns what has come, at most so many bytes; nothing at the end."""


@dataclass(frozen=True)
class PcmStream:
    """Samples that may still be being made.

    Attributes:
        sample_rate: Hz.
        blocks: consecutive waveforms, shape (S,) each, as soon as they have come.
    """

    sample_rate: int
    blocks: Iterator[Waveform]


@dataclass(frozen=True)
class _Form:
    sample_rate: int
    num_channels: int = 1
    size: int | None = None  # bytes; None to the end of the stream


def open_pcm(
    file: BinaryIO,
    path: str | Path,
    rate: int | None = None,
    channel: int | None = None,
    block_seconds: Seconds = 0.1,
) -> PcmStream:
    """Opens signed 16-bit little-endian PCM: raw with one channel, or with the header of a WAV file.

    Nothing is read ahead: a block comes as soon as its samples have.

    Args:
        file: buffered, such as ``sys.stdin.buffer``.
        path: its name, for errors.
        rate: Hz; None for that of the header or, without one, 16 kHz.
        channel: of a WAV file, from 0; None for the mean of all.
        block_seconds: length of a block.

    Raises:
        DataError: it is empty, of another format, or has no such channel.
        UsageError: the header has another rate.
    """
    path = Path(path)
    arriving = cast(_Arriving, file)
    head = _exactly(arriving, 4)
    if head in _OTHERS:
        raise DataError(path, f"is {_OTHERS[head]}, not 16-bit PCM", _REMEDY)
    form = _Form(rate or RAW_RATE)
    if head == b"RIFF":
        form, head = _read_header(arriving, path), b""
        if rate is not None and rate != form.sample_rate:
            raise UsageError(f"--rate {rate}", f"{path} has {form.sample_rate} Hz by its header", "leave it out")
    elif channel:
        check_channel(path, channel, 1)
    check_rate(path, form.sample_rate)
    check_channel(path, channel or 0, form.num_channels)
    return PcmStream(form.sample_rate, _blocks(arriving, head, form, path, channel, block_seconds))


def _exactly(file: _Arriving, count: int) -> bytes:
    """Returns so many bytes, or all up to the end."""
    held = b""
    while len(held) < count and (more := file.read1(count - len(held))):
        held += more
    return held


def _read_header(file: _Arriving, path: Path) -> _Form:
    """Returns what the header of a WAV file says, up to where its samples begin."""
    form: _Form | None = None
    is_wave = _exactly(file, 8)[4:] == b"WAVE"
    while is_wave and len(head := _exactly(file, 8)) == 8:
        name, size = head[:4], int.from_bytes(head[4:], "little")
        if name == b"data" and form is not None:
            is_known = 0 < size < UNKNOWN_SIZE
            return _Form(form.sample_rate, form.num_channels, size if is_known else None)
        content = _exactly(file, min(size + size % 2, 1 << 20))
        if name == b"fmt " and len(content) >= _LEAST_FORMAT:
            form = _read_format(content, path)
    raise DataError(path, "begins like WAV, and ends before its samples begin", _REMEDY)


def _read_format(content: bytes, path: Path) -> _Form:
    tag, num_channels = (int.from_bytes(content[place : place + 2], "little") for place in (0, 2))
    rate, bits = int.from_bytes(content[4:8], "little"), int.from_bytes(content[14:16], "little")
    tag = int.from_bytes(content[_SUBFORMAT], "little") if tag == _EXTENSIBLE else tag
    if tag != _PCM or bits != 8 * _SAMPLE or not num_channels:
        raise DataError(path, f"is WAV with {bits} bits of format {tag}, not 16-bit PCM", _REMEDY)
    return _Form(rate, num_channels)


def _blocks(
    file: _Arriving, held: bytes, form: _Form, path: Path, channel: int | None, block_seconds: Seconds
) -> Iterator[Waveform]:
    frame = _SAMPLE * form.num_channels
    block = frame * max(1, seconds_to_samples(block_seconds, form.sample_rate))
    left = form.size  # bytes that have not been read
    is_empty = not held
    while True:
        wanted = block - len(held) if left is None else min(block - len(held), left)
        read = _exactly(file, max(0, wanted))
        left = None if left is None else left - len(read)
        held += read
        is_empty = is_empty and not held
        whole = len(held) // frame * frame
        if whole:
            samples = np.frombuffer(held[:whole], "<i2").reshape(-1, form.num_channels).astype(np.float32)
            yield mix(samples / np.float32(_FULL_SCALE), channel)
        held = held[whole:]
        if len(read) < wanted or wanted <= 0:
            break
    if is_empty:
        raise DataError(path, "holds no samples", "pipe PCM into the command")
    if held:
        logger.warning("%s: the last %d bytes are no whole sample, and are left out", path, len(held))
