"""Recordings as bytes, and what people's programs and disks do to them."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import soundfile

from asr.audio.checksums import ogg_crc
from asr.audio.mpeg import parse_frame
from asr.audio.opening import count_samples, open_sound

RATE = 16000


def speech(seconds: float = 1.0, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Returns noise that swells and falls, as loud as speech, shape (S, C)."""
    num_samples = round(seconds * RATE)
    swelling = 0.2 * np.abs(np.sin(np.arange(num_samples) * 2 * np.pi / RATE))[:, None] + 0.01
    noise = np.random.default_rng(seed).normal(0, 0.3, (num_samples, channels))
    return (swelling * noise).astype(np.float32)


def encoded(kind: str, subtype: str | None = None, samples: np.ndarray | None = None, rate: int = RATE) -> bytes:
    """Returns a file as libsndfile writes it; ``OPUS`` is Ogg."""
    written = io.BytesIO()
    if kind == "OPUS":
        kind, subtype = "OGG", "OPUS"
    soundfile.write(written, speech() if samples is None else samples, rate, format=kind, subtype=subtype)
    return written.getvalue()


def patched(data: bytes, place: int, content: bytes) -> bytes:
    return data[:place] + content + data[place + len(content) :]


def lengths(data: bytes, size: int, whole: int | None = None) -> bytes:
    """Returns a WAV file whose header states so many bytes of samples, and of all."""
    data = patched(data, data.index(b"data") + 4, struct.pack("<I", size))
    return data if whole is None else patched(data, 4, struct.pack("<I", whole))


def ogg_pages(data: bytes) -> list[bytes]:
    pages = []
    while data:
        count = data[26]
        size = 27 + count + sum(data[27 : 27 + count])
        pages.append(data[:size])
        data = data[size:]
    return pages


def without_end(data: bytes) -> bytes:
    """Returns an Ogg file whose last page does not say that it is the last."""
    *pages, last = ogg_pages(data)
    last = last[:5] + bytes((last[5] & ~4,)) + last[6:22] + bytes(4) + last[26:]
    return b"".join(pages) + patched(last, 22, struct.pack("<I", ogg_crc(last)))


def flac_total(data: bytes, total: int) -> bytes:
    """Returns a FLAC file whose header states so many samples."""
    return patched(data, 21, ((data[21] & 0xF0) << 32 | total).to_bytes(5, "big"))


def mp3_without_header(samples: np.ndarray | None = None) -> bytes:
    """Returns an MP3 file without its first frame, which says how many there are."""
    data = encoded("MP3", samples=samples)
    first = parse_frame(data[:4])
    assert first is not None
    return data[first.size :]


def decoded(data: bytes, name: str = "a") -> np.ndarray:
    """Returns all samples as the package reads them, shape (S, C); checks that they are as many as it says."""
    with open_sound(Path(name), data) as sound:
        samples = sound.read()
    assert count_samples(Path(name), data)[1] == len(samples)
    return samples
