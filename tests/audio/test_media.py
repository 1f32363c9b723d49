"""m4a, WebM, wma, amr, video: read through PyAV where it is there, and named where it is not."""

import logging
import struct
import sys

import numpy as np
import pytest

from asr.audio.waveforms import probe, read, stream
from asr.errors import DataError
from tests.audio.media_files import KINDS, LOSSLESS, write_media
from tests.audio.sounds import decoded, encoded


def tone(rate: int, channels: int, seconds: float = 2.0) -> np.ndarray:
    """Returns a sound that every codec keeps: it sweeps from 300 to 900 Hz and swells, shape (S, C)."""
    times = np.arange(round(seconds * rate)) / rate
    sweep = 0.3 * np.sin(2 * np.pi * (300 + 150 * times) * times) * np.sin(np.pi * times / seconds)
    return np.stack([sweep] * channels, axis=1).astype(np.float32)


@pytest.mark.parametrize("name", KINDS)
def test_what_ffmpeg_reads_is_read_at_its_own_rate_and_to_its_end(tmp_path, name):
    rate, channels = KINDS[name][2:4]
    samples = tone(rate, channels)
    path = write_media(tmp_path / name, samples, name)
    info = probe(path)
    assert (info.sample_rate, info.num_channels) == (rate, channels)
    assert abs(info.num_samples - len(samples)) < 0.13 * rate  # what an encoder adds before and after
    whole = read(path, sample_rate=rate).numpy()
    assert len(whole) == info.num_samples
    if name in LOSSLESS:
        assert np.abs(whole - samples.mean(axis=1)).max() <= 2**-15
    else:
        found, wanted = (np.fft.rfft(sound, 1 << 18) for sound in (whole, samples[:, 0]))
        products = np.fft.irfft(found * wanted.conj())  # of the sounds, for each delay of one
        assert np.abs(products).max() > 0.7 * np.square(samples[:, 0]).sum()
        delay = int(products.argmax())
        assert min(delay, (1 << 18) - delay) < 0.13 * rate
    part = read(path, sample_rate=rate, start=0.7, duration=0.5).numpy()
    assert np.array_equal(part, whole[round(0.7 * rate) : round(1.2 * rate)])
    assert np.array_equal(np.concatenate(list(stream(path, rate, 0.3))), whole)


def test_what_the_encoder_put_before_the_first_sample_is_left_out(tmp_path):
    samples = tone(16000, 1)
    whole = read(write_media(tmp_path / "a.m4a", samples, "b.m4a"), sample_rate=16000).numpy()
    assert np.abs(whole[: len(samples)] - samples[:, 0]).max() < 0.05


@pytest.mark.parametrize("keep", [0.6, 0.95])
@pytest.mark.parametrize("name", ["a.m4a", "b.m4a", "a.mov", "lossless.m4a", "a.webm", "a.mka", "a.wv", "a.tta"])
def test_files_that_end_too_early_are_told(tmp_path, name, keep):
    rate, channels = KINDS[name][2:4]
    path = write_media(tmp_path / name, tone(rate, channels, 8.0), name)
    path.write_bytes(path.read_bytes()[: int(keep * path.stat().st_size)])
    with pytest.raises(DataError) as caught:
        read(path, sample_rate=rate)
    assert caught.value.where == str(path)
    assert any(word in caught.value.found for word in ("is truncated: ", "damaged"))


@pytest.mark.parametrize("name", ["a.aac", "a.amr", "a.ac3", "live.webm"])
def test_what_states_no_length_is_read_to_its_last_whole_packet(tmp_path, name):
    rate, channels = KINDS[name][2:4]
    path = write_media(tmp_path / name, tone(rate, channels, 4.0), name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert 1.5 < probe(path).duration < 2.5


def test_a_damaged_packet_in_the_middle_is_told(tmp_path):
    path = write_media(tmp_path / "a.m4a", tone(16000, 1, 8.0), "b.m4a")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = np.random.default_rng(0).bytes(3000)
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"is damaged after 3\.\d\d s \(.+\); copy or convert it again"):
        read(path, sample_rate=16000)


@pytest.mark.parametrize("channels", [1, 2])
def test_samples_of_64_bits_are_read(tmp_path, channels):
    samples = (tone(16000, channels, 0.5) * 2.0**62).astype("<i8").reshape(-1, channels)
    form = struct.pack("<HHIIHH", 1, channels, 16000, 16000 * 8 * channels, 8 * channels, 64)
    chunks = b"fmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", samples.nbytes) + samples.tobytes()
    (tmp_path / "a.wav").write_bytes(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    expected = samples.mean(1) / 2.0**63
    assert read(tmp_path / "a.wav", sample_rate=16000).numpy() == pytest.approx(expected, abs=1e-6)


def test_the_first_of_several_streams_is_read_also_of_video(tmp_path):
    samples = tone(16000, 1)
    path = write_media(tmp_path / "a.mov", samples, "a.mov", streams=3, with_video=True)
    assert np.abs(read(path, sample_rate=16000).numpy() - samples[:, 0]).max() <= 2**-15


def test_video_without_sound_is_told(tmp_path):
    path = write_media(tmp_path / "a.mp4", tone(16000, 1), "fragmented.mp4", with_video=True, with_audio=False)
    with pytest.raises(DataError, match=r"a\.mp4: holds no audio, only video; leave it out"):
        probe(path)


@pytest.mark.parametrize(("old", "new"), [(b"mp4a", b"drms"), (b"mp4a", b"xxxx")])
def test_what_cannot_be_decoded_is_told(tmp_path, old, new):
    path = write_media(tmp_path / "a.m4a", tone(16000, 1), "b.m4a")
    data = path.read_bytes()
    place = data.index(b"stsd")
    path.write_bytes(data[:place] + data[place:].replace(old, new, 1).replace(b"esds", b"free", 1))
    with pytest.raises(DataError) as caught:
        probe(path)
    assert caught.value.found.startswith("is MPEG-4 audio (m4a), damaged, encrypted or of a rare sort; FFmpeg says: ")


def test_a_list_of_other_files_is_not_followed(tmp_path):
    secret = tmp_path / "secret.wav"
    secret.write_bytes(encoded("WAV"))
    for name, text in {
        "a.m4a": f"ffconcat version 1.0\nfile '{secret}'\n",
        "b.mp4": f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n",
        "c.webm": f"v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\na={secret}\n",
    }.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(DataError, match=r"is a (text file, not audio|list of audio files \(m3u\)); check the path"):
            probe(tmp_path / name)
        (tmp_path / name).write_bytes(text.encode() + b"\xff\xfe\x00" * 50)  # not text, for whoever looks at all of it
        with pytest.raises(DataError):
            probe(tmp_path / name)


@pytest.fixture
def without_pyav(monkeypatch):
    """Returns a function after which PyAV is not there."""
    return lambda: monkeypatch.setitem(sys.modules, "av", None)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("b.m4a", "MPEG-4 audio (m4a)"),
        ("fragmented.mp4", "MPEG-4 (mp4, m4a)"),
        ("a.mov", "a QuickTime movie"),
        ("a.3gp", "a recording of a phone (3gp)"),
        ("a.webm", "Matroska or WebM"),
        ("a.wma", "Windows Media (wma, wmv)"),
        ("a.aac", "AAC (ADTS)"),
        ("a.amr", "AMR, the recording of a phone"),
        ("a.ac3", "AC-3"),
        ("a.avi", "a video (AVI)"),
        ("a.wv", "WavPack"),
    ],
)
def test_without_pyav_a_file_is_named_for_what_it_is(tmp_path, without_pyav, name, kind):
    rate, channels = KINDS[name][2:4]
    path = write_media(tmp_path / name, tone(rate, channels), name)
    without_pyav()
    for function in (probe, lambda path: read(path, sample_rate=16000)):
        with pytest.raises(DataError) as caught:
            function(path)
        assert str(caught.value) == (
            f"{path}: is {kind}, which needs PyAV; PyAV is not installed (the extra media: pip install av); "
            f"install it, or convert it to WAV or FLAC, for example with: ffmpeg -i {path.name} {path.stem}.flac"
        )


def test_without_pyav_the_rest_is_read(tmp_path, without_pyav):
    without_pyav()
    (tmp_path / "a.wav").write_bytes(encoded("WAV"))
    assert probe(tmp_path / "a.wav").num_samples == 16000
    (tmp_path / "b.wav").write_bytes(b"RIFF\xff\0\0\0" + b"\xfe" * 300)
    with pytest.raises(DataError, match=r"b\.wav: is not audio that libsndfile reads \(.+\); PyAV is not installed"):
        probe(tmp_path / "b.wav")


def test_a_pyav_that_does_not_load_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "av.py").write_text("raise OSError('libavcodec.so.62: cannot open shared object file')\n")
    path = write_media(tmp_path / "a.m4a", tone(16000, 1), "b.m4a")
    monkeypatch.delitem(sys.modules, "av")
    monkeypatch.syspath_prepend(tmp_path / "broken")
    with pytest.raises(DataError, match=r"PyAV does not load \(OSError: libavcodec\.so\.62: cannot open"):
        probe(path)
    monkeypatch.undo()


SHORTEN = (
    b"NIST_1A\n   1024\nsample_count -i 5000\nsample_rate -i 16000\nchannel_count -i 1\nsample_n_bytes -i 2\n"
    b"sample_byte_format -s2 01\nsample_coding -s26 pcm,embedded-shorten-v2.00\nend_head\n"
).ljust(1024)


def shortened(samples: list[int]) -> bytes:
    """Compresses samples as the program shorten does, each for itself.

    Source: T. Robinson, SHORTEN, 1994: Rice codes of residuals, here of order 0, in blocks of 256.
    """
    bits: list[int] = []

    def rice(value: int, num_bits: int) -> None:
        bits.extend([*[0] * (value >> num_bits), 1, *(value >> bit & 1 for bit in reversed(range(num_bits)))])

    def number(value: int) -> None:
        rice(value.bit_length(), 2)
        rice(value, value.bit_length())

    for field in (5, 1, 256, 0, 0, 0):  # 16 bits, little end first; channels; block; order; means; skipped bytes
        number(field)
    for first in range(0, len(samples), 256):
        block = samples[first : first + 256]
        if len(block) < 256:
            rice(5, 2)  # another size of blocks
            number(len(block))
        rice(0, 2)  # no differences
        rice(7, 3)  # residuals with 8 bits
        for sample in block:
            rice(2 * sample if sample >= 0 else -2 * sample - 1, 8)
    rice(4, 2)  # the end
    return b"ajkg\2" + np.packbits(bits + [0] * (-len(bits) % 32)).tobytes()


def test_shortened_sphere_is_read(tmp_path):
    samples = np.rint(3000 * np.sin(np.arange(5000) / 9)).astype(int)
    path = tmp_path / "a.sph"
    path.write_bytes(SHORTEN + shortened(samples.tolist()))
    assert probe(path).num_samples == 5000
    assert np.array_equal(32768 * read(path, sample_rate=16000).numpy(), samples)


@pytest.mark.parametrize("is_there", [True, False])
def test_shortened_sphere_is_named_and_what_uncompresses_it(tmp_path, without_pyav, is_there):
    path = tmp_path / "a.sph"
    path.write_bytes(SHORTEN + b"ajkg\2" + bytes(range(256)) * 20)
    if not is_there:
        without_pyav()
    with pytest.raises(DataError) as caught:
        probe(path)
    assert caught.value.found.startswith("is NIST SPHERE compressed with shorten, ")
    assert caught.value.remedy.endswith("or uncompress it, for example with: sph2pipe -f wav a.sph a.wav")


def test_nothing_of_ffmpeg_reaches_the_log(tmp_path, capfd, caplog):
    caplog.set_level(logging.DEBUG)
    path = write_media(tmp_path / "a.m4a", tone(16000, 1), "b.m4a")
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(DataError):
        probe(path)
    captured = capfd.readouterr()
    assert (captured.out, captured.err, caplog.records) == ("", "", [])


def test_a_wav_file_called_mp3_and_an_m4a_called_wav(tmp_path):
    (tmp_path / "a.mp3").write_bytes(encoded("WAV"))
    assert probe(tmp_path / "a.mp3").num_samples == 16000
    write_media(tmp_path / "b.m4a", tone(16000, 1), "b.m4a").rename(tmp_path / "b.wav")
    assert probe(tmp_path / "b.wav").duration == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"<!DOCTYPE html>\n<html>not found</html>", "a web page, not audio"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS in place of the file"),
        (b"PK\3\4" + bytes(range(200)), "a ZIP archive"),
        (b"%PDF-1.7\n" + bytes(range(200)), "a PDF document"),
        (b"hello\n", "a text file, not audio"),
    ],
)
def test_what_is_no_audio_is_named_for_what_it_is(tmp_path, content, kind):
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        probe(path)
    assert caught.value.found.startswith(f"is {kind}")


def test_mp3_with_a_picture_before_its_sound(tmp_path):
    picture = b"APIC\0\1\0\0\0\0\0image/png\0\3\0\x89PNG" + bytes(65500)
    size = bytes(len(picture) >> shift & 0x7F for shift in (21, 14, 7, 0))
    tag = b"ID3\x03\0\0" + size + picture
    path = tmp_path / "a.mp3"
    path.write_bytes(tag + encoded("MP3"))
    assert np.array_equal(read(path, sample_rate=16000).numpy(), decoded(encoded("MP3"))[:, 0])
