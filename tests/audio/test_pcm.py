from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.audio.pcm import open_pcm
from asr.errors import DataError, UsageError

SAMPLES = (1000 * np.random.default_rng(0).standard_normal(16000)).astype("<i2")


def joined(content: bytes, **options: int) -> np.ndarray:
    return np.concatenate(list(open_pcm(io.BufferedReader(io.BytesIO(content)), "-", **options).blocks))


def wav(samples: np.ndarray, rate: int = 16000, subtype: str = "PCM_16") -> bytes:
    content = io.BytesIO()
    soundfile.write(content, samples, rate, subtype, format="WAV")
    return content.getvalue()


def test_raw_samples() -> None:
    assert np.array_equal(joined(SAMPLES.tobytes()), SAMPLES.astype(np.float32) / 32768)
    stream = open_pcm(io.BufferedReader(io.BytesIO(SAMPLES.tobytes())), "-", 8000)
    assert stream.sample_rate == 8000
    assert {len(block) for block in stream.blocks} == {800}


def test_wav_with_known_and_unknown_size() -> None:
    content = wav(SAMPLES, 22050)
    assert open_pcm(io.BufferedReader(io.BytesIO(content)), "-").sample_rate == 22050
    place = content.index(b"data") + 4
    for size in (b"\0\0\0\0", b"\xff\xff\xff\xff"):  # as programs write it that do not know yet
        unknown = content[:place] + size + content[place + 4 :]
        assert np.array_equal(joined(unknown), SAMPLES.astype(np.float32) / 32768)
    with_list = content[:36] + b"LIST\3\0\0\0abc\0" + content[36:] + b"LIST\4\0\0\0more"
    assert np.array_equal(joined(with_list), SAMPLES.astype(np.float32) / 32768)


def test_channels_of_wav() -> None:
    both = np.stack([SAMPLES, SAMPLES[::-1]], axis=1)
    assert np.array_equal(joined(wav(both), channel=1), SAMPLES[::-1].astype(np.float32) / 32768)
    assert np.allclose(joined(wav(both)), both.mean(axis=1) / 32768, atol=1e-6)
    with pytest.raises(DataError, match="channel"):
        joined(wav(both), channel=2)
    with pytest.raises(DataError, match="channel"):
        joined(SAMPLES.tobytes(), channel=1)


def test_a_block_comes_as_soon_as_its_samples_have() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as source, os.fdopen(writing, "wb", buffering=0) as sink:
        sink.write(SAMPLES[:1600].tobytes())
        blocks = open_pcm(source, "-").blocks
        assert len(next(blocks)) == 1600  # though the pipe is open
        timer = threading.Timer(0.05, lambda: sink.write(SAMPLES[1600:3200].tobytes()))
        timer.start()
        assert len(next(blocks)) == 1600
        timer.join()
        sink.close()
        assert list(blocks) == []


def test_half_a_sample_at_the_end_is_told(caplog: pytest.LogCaptureFixture) -> None:
    assert len(joined(SAMPLES.tobytes()[:-1])) == 15999
    assert caplog.messages == ["-: the last 1 bytes are no whole sample, and are left out"]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "holds no samples"),
        (wav(SAMPLES[:0]), "holds no samples"),
        (b"fLaC\0\0\0\x22", "is FLAC, not 16-bit PCM; make it PCM: ffmpeg"),
        (b"OggS\0\2", "is Ogg, not 16-bit PCM"),
        (wav(SAMPLES, subtype="PCM_24"), "is WAV with 24 bits of format 1, not 16-bit PCM"),
        (wav(SAMPLES, subtype="FLOAT"), "is WAV with 32 bits of format 3, not 16-bit PCM"),
        (wav(SAMPLES)[:30], "begins like WAV, and ends before its samples begin"),
        (b"RIFF\0\0\0\0AVI LIST", "begins like WAV, and ends before its samples begin"),
        (wav(SAMPLES)[:24] + b"\1\0\0\0" + wav(SAMPLES)[28:], "has a sample rate of 1 Hz by its header"),
    ],
)
def test_what_is_no_pcm_is_told(content: bytes, found: str) -> None:
    with pytest.raises(DataError, match=found):
        joined(content)


def test_another_rate_than_the_header_has() -> None:
    with pytest.raises(UsageError, match="--rate 8000: - has 16000 Hz by its header; leave it out"):
        joined(wav(SAMPLES), rate=8000)


def test_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.pcm").write_bytes(SAMPLES.tobytes())
    with (tmp_path / "a.pcm").open("rb") as file:
        assert len(np.concatenate(list(open_pcm(file, tmp_path / "a.pcm").blocks))) == 16000
