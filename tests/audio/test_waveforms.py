import io
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch
import torchaudio

from asr.audio.rates import samples_to_seconds, seconds_to_samples
from asr.audio.resampling import resample, resampling_ratio
from asr.audio.waveforms import AudioInfo, as_opus, probe, read, segment_as_flac, stream, write_wav
from asr.errors import DataError


def noise(num_samples, num_channels=1, seed=0):
    samples = np.random.default_rng(seed).normal(0, 0.1, (num_samples, num_channels)).astype(np.float32)
    return samples if num_channels > 1 else samples[:, 0]


def write(path, samples, sample_rate=16000, **options):
    soundfile.write(path, samples, sample_rate, **options)
    return path


def sphere(path, samples, promised=None, sample_rate=16000):
    """A NIST SPHERE file as CMU's AN4 has them: big-endian 16-bit samples behind a header of 1024 bytes."""
    lines = [
        "NIST_1A",
        "   1024",
        f"sample_count -i {promised or len(samples)}",
        f"sample_rate -i {sample_rate}",
        "sample_n_bytes -i 2",
        "sample_byte_format -s2 10",
        "channel_count -i 1",
        "sample_coding -s3 pcm",
        "end_head",
    ]
    content = (samples * 32767).astype(">i2").tobytes()
    path.write_bytes("\n".join(lines).encode().ljust(1024) + content)
    return path


def cut_off(path, keep):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    return path


def error_of(function, *arguments, **options):
    with pytest.raises(DataError) as caught:
        function(*arguments, **options)
    line = str(caught.value)
    assert "\n" not in line
    assert line.startswith(str(arguments[0]))
    return line.removeprefix(str(arguments[0]))


@pytest.mark.parametrize("sample_rate", [8000, 11025, 16000, 22050, 44100, 48000])
def test_seconds_to_samples_gives_back_every_count(sample_rate):
    counts = [*range(3000), 10**6 + 7, 10**9 + 1]
    assert [seconds_to_samples(samples_to_seconds(n, sample_rate), sample_rate) for n in counts] == counts


@pytest.mark.parametrize(
    ("seconds", "samples"), [(0.145, 1160), (0.5 / 8000, 1), (0.49 / 8000, 0), (2.5 / 8000, 3), (0.0, 0)]
)
def test_seconds_to_samples_rounds_halves_up(seconds, samples):
    assert seconds_to_samples(seconds, 8000) == samples


@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        ("a.wav", {}, 4e-5),
        ("a.wav", {"subtype": "FLOAT"}, 0),
        ("a.flac", {}, 4e-5),
        ("a.aiff", {}, 4e-5),
        ("a.au", {}, 4e-5),
        ("a.w64", {}, 4e-5),
        ("a.ogg", {}, 0.5),
        ("a.opus", {"format": "OGG", "subtype": "OPUS"}, 0.5),
        ("a.mp3", {}, 0.5),
    ],
)
def test_reads_the_formats_of_libsndfile(tmp_path, name, options, tolerance):
    samples = noise(16000)
    path = write(tmp_path / name, samples, **options)
    assert probe(path) == AudioInfo(16000, 16000, 1)
    waveform = read(path, sample_rate=16000)
    assert waveform.dtype == torch.float32
    assert waveform.shape == (16000,)
    assert (waveform - torch.from_numpy(samples)).abs().max() <= tolerance
    assert waveform.std() > 0.03


def test_reads_sphere(tmp_path):
    samples = noise(4321)
    path = sphere(tmp_path / "a.sph", samples)
    assert probe(path) == AudioInfo(16000, 4321, 1)
    assert (read(path, sample_rate=16000) - torch.from_numpy(samples)).abs().max() < 1e-4


def test_gives_the_mean_of_channels(tmp_path):
    samples = noise(1000, num_channels=2)
    path = write(tmp_path / "a.wav", samples, subtype="FLOAT")
    assert probe(path).num_channels == 2
    assert torch.equal(read(path, sample_rate=16000), torch.from_numpy(samples.mean(axis=1)))


def test_info_has_a_duration():
    assert AudioInfo(8000, 4000, 2).duration == 0.5


@pytest.mark.parametrize(("source", "target"), [(8000, 16000), (44100, 16000), (48000, 16000), (11127, 16000)])
def test_resampling_keeps_a_tone(tmp_path, source, target):
    times = np.arange(source) / source
    path = write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 440 * times), source, subtype="FLOAT")
    waveform = read(path, sample_rate=target)
    assert abs(len(waveform) - target) <= 1
    wanted = 0.5 * torch.sin(2 * torch.pi * 440 * torch.arange(len(waveform)) / target)
    assert (waveform - wanted)[100:-100].abs().max() < 5e-3


def test_reads_a_segment(tmp_path):
    path = write(tmp_path / "a.wav", noise(16000))
    whole = read(path, sample_rate=16000)
    assert torch.equal(read(path, sample_rate=16000, start=0.25, duration=0.5), whole[4000:12000])
    assert torch.equal(read(path, sample_rate=16000, start=0.25), whole[4000:])
    assert len(read(path, sample_rate=16000, start=0.5, duration=0.505)) == 8000  # rounded in a manifest


@pytest.mark.parametrize(
    ("start", "duration"), [(1.0, None), (0.5, 0.6), (-0.1, 0.2), (0.0, 0.0), (0.0, -1.0), (2.0, 1.0)]
)
def test_a_segment_outside_the_file_is_an_error(tmp_path, start, duration):
    path = write(tmp_path / "a.wav", noise(16000))
    line = error_of(read, path, sample_rate=16000, start=start, duration=duration)
    assert "is not inside its 1.000 s" in line


@pytest.mark.parametrize(
    ("source", "block_seconds"), [(16000, 0.3), (8000, 0.25), (44100, 0.5), (48000, 0.01), (11127, 1)]
)
@pytest.mark.parametrize("seconds", [0.001, 0.5, 2.34567])
def test_blocks_of_a_stream_join_to_the_whole(tmp_path, source, block_seconds, seconds):
    path = write(tmp_path / "a.wav", noise(round(seconds * source)), source)
    whole = read(path, sample_rate=16000)
    blocks = list(stream(path, 16000, block_seconds))
    assert np.concatenate(blocks).shape == tuple(whole.shape)
    assert np.abs(np.concatenate(blocks) - whole.numpy()).max() < 1e-6
    if source != 11127:
        assert all(abs(len(block) - block_seconds * 16000) <= 441 for block in blocks[:-1])
        assert len(blocks) == -(-len(whole) // len(blocks[0]))


def test_stream_meets_the_same_errors(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        next(stream(tmp_path / "a.wav", 16000))


def test_writes_wav_that_appears_whole(tmp_path):
    waveform = torch.tensor([0.0, 0.5, -0.5, 2.0, -2.0])
    write_wav(tmp_path / "a.wav", waveform, 8000)
    assert [file.name for file in tmp_path.iterdir()] == ["a.wav"]
    assert probe(tmp_path / "a.wav") == AudioInfo(8000, 5, 1)
    assert (read(tmp_path / "a.wav", sample_rate=8000) - waveform.clamp(-1, 1)).abs().max() < 1e-4
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        write_wav(tmp_path / "file" / "a.wav", waveform, 8000)


def test_missing_file(tmp_path):
    for function in (probe, lambda path: read(path, sample_rate=16000)):
        assert error_of(function, tmp_path / "a.wav") == ": no such file; check the path"


def test_folder(tmp_path):
    assert "is a folder, not an audio file" in error_of(probe, tmp_path)


def test_empty_file(tmp_path):
    (tmp_path / "a.wav").touch()
    assert "is empty (0 bytes)" in error_of(probe, tmp_path / "a.wav")


def test_file_without_samples(tmp_path):
    path = write(tmp_path / "a.wav", noise(0))
    assert probe(path).num_samples == 0
    assert "holds no samples" in error_of(read, path, sample_rate=16000)


@pytest.mark.parametrize("text", ["hello\n", "żółć и ещё\n" * 1000])
def test_text_named_wav(tmp_path, text):
    (tmp_path / "a.wav").write_text(text, encoding="utf-8")
    assert error_of(probe, tmp_path / "a.wav") == ": is a text file, not audio; check the path"


def test_unknown_format_says_how_to_convert(tmp_path):
    (tmp_path / "a.xyz").write_bytes(b"\1\2\3\x80" + bytes(range(256)) * 8)
    line = error_of(probe, tmp_path / "a.xyz")
    assert "is not audio that can be read (Format not recognised); FFmpeg says: " in line
    assert "ffmpeg -i a.xyz a.flac" in line


@pytest.mark.parametrize("name", ["a.wav", "a.aiff", "a.au", "a.w64", "a.rf64", "a.ogg"])
@pytest.mark.parametrize("keep", [0.999, 0.5])
def test_truncated_files_are_found_by_their_header(tmp_path, name, keep):
    path = cut_off(write(tmp_path / name, noise(16000)), keep)
    assert "is truncated: the last" in error_of(probe, path)
    assert "is truncated: the last" in error_of(read, path, sample_rate=16000)


def test_wav_that_ends_in_its_header(tmp_path):
    path = write(tmp_path / "a.wav", noise(16000))
    path.write_bytes(path.read_bytes()[:40])
    assert "is truncated" in error_of(probe, path)


def test_wav_with_chunks_before_its_samples(tmp_path):
    path = write(tmp_path / "a.wav", noise(1000))
    content = path.read_bytes()
    path.write_bytes(content[:36] + b"LIST\x05\0\0\0abcde\0" + content[36:])
    assert probe(path).num_samples == 1000


def test_wav_from_a_pipe_promises_nothing(tmp_path):
    path = write(tmp_path / "a.wav", noise(1000))
    content = path.read_bytes()
    path.write_bytes(content[:40] + b"\xff\xff\xff\xff" + content[44:])
    assert probe(path).num_samples == 1000
    assert len(read(path, sample_rate=16000)) == 1000


@pytest.mark.parametrize("rate", [1, 7, 999, 268_435_456])
def test_rates_that_no_recording_has(tmp_path, rate):
    path = write(tmp_path / "a.wav", noise(1000))
    content = path.read_bytes()
    path.write_bytes(content[:24] + rate.to_bytes(4, "little") + content[28:])
    for function in (probe, lambda path: read(path, sample_rate=16000), lambda path: list(stream(path, 16000))):
        line = error_of(function, path)
        assert line.startswith(f": has a sample rate of {rate:,} Hz by its header, which no recording has; ")


@pytest.mark.parametrize("rate", [1000, 768_001, 999_999])
def test_resampling_from_the_oddest_rates_takes_little_memory(tmp_path, rate):
    path = write(tmp_path / "a.wav", noise(rate // 10), rate)
    ratio = resampling_ratio(rate, 16000)
    assert ratio.numerator * ratio.denominator <= 4_100_000
    assert abs(float(ratio) * 16000 / rate - 1) < 1e-5
    assert abs(len(read(path, sample_rate=16000)) - 1600) <= 1


@pytest.mark.parametrize("loud", [1e30, -1e30, 3e9, np.inf, -np.inf, np.nan])
def test_samples_that_no_recording_has(tmp_path, loud):
    samples = noise(300_000, num_channels=2)
    samples[290_000, 1] = loud
    path = write(tmp_path / "a.wav", samples, subtype="FLOAT")
    found = "some of its samples are as large as" if np.isfinite(loud) else "infinite or not a number"
    assert found in error_of(read, path, sample_rate=16000)
    with pytest.raises(DataError, match=found):
        for _ in stream(path, 16000, 2.0):
            pass
    assert len(read(path, sample_rate=16000, duration=10.0)) == 160_000  # what is right can be used


def test_integers_that_were_stored_as_floats_are_read(tmp_path):
    path = write(tmp_path / "a.wav", 2.0**31 * np.array([1.0, -1.0, 0.5]), subtype="DOUBLE")
    assert read(path, sample_rate=16000).tolist() == [2.0**31, -(2.0**31), 2.0**30]


@pytest.mark.parametrize(("source", "target"), [(8000, 16000), (44100, 16000), (48000, 8000), (11127, 16000)])
@pytest.mark.parametrize("count", [1, 5, 997, 30_000])
def test_resampling_equals_torchaudio(source, target, count):
    ratio = resampling_ratio(source, target)
    waveform = noise(count)
    expected = torchaudio.functional.resample(torch.from_numpy(waveform), ratio.numerator, ratio.denominator)
    assert np.abs(resample(waveform, source, target) - expected.numpy()).max() < 1e-4


@pytest.mark.parametrize(("kind", "exact"), [("PCM_16", True), ("PCM_24", True), ("PCM_U8", True), ("FLOAT", False)])
def test_a_segment_as_flac_is_what_the_file_holds(tmp_path, kind, exact):
    path = write(tmp_path / "a.wav", noise(8000, num_channels=2), subtype=kind)
    flac, rate = soundfile.read(io.BytesIO(segment_as_flac(path, 0.1, 0.2)))
    whole = soundfile.read(path)[0][1600:4800]
    assert (rate, flac.shape) == (16000, (3200, 2))
    assert np.abs(flac - whole).max() <= (0 if exact else 2**-23)


def test_a_segment_as_flac_is_not_clipped_beyond_measure(tmp_path):
    path = write(tmp_path / "a.wav", 30000 * noise(8000), subtype="FLOAT")
    with pytest.raises(DataError, match="cannot be written as FLAC: its samples are as large as"):
        segment_as_flac(path, 0.1, 0.2)


def test_truncated_sphere(tmp_path):
    path = sphere(tmp_path / "a.sph", noise(1000), promised=1200)
    assert "the last 400 bytes that its header promises are missing" in error_of(probe, path)


@pytest.mark.parametrize("name", ["a.flac", "a.mp3"])
def test_truncated_files_are_found_when_they_are_read(tmp_path, name):
    path = cut_off(write(tmp_path / name, noise(32000)), 0.5)
    assert "truncated" in error_of(read, path, sample_rate=16000)


def test_samples_that_are_no_numbers(tmp_path):
    samples = noise(100)
    samples[50] = np.nan
    path = write(tmp_path / "a.wav", samples, subtype="FLOAT")
    assert "not a number" in error_of(read, path, sample_rate=16000)


def test_importing_the_package_does_not_import_torch():
    code = "import sys, asr, asr.audio; print('torch' in sys.modules, 'soundfile' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_opus_is_small_and_sounds_the_same() -> None:
    times = torch.arange(16000) / 16000
    waveform = 0.3 * torch.sin(2 * torch.pi * 440 * times) + 0.2 * torch.sin(2 * torch.pi * 1210 * times)
    encoded = as_opus(waveform, 16000)
    assert encoded.startswith(b"OggS")
    assert len(encoded) < 6000  # where WAV takes 32000
    decoded, rate = soundfile.read(io.BytesIO(encoded), dtype="float32")
    assert (rate, len(decoded)) == (16000, 16000)
    assert np.corrcoef(decoded[1000:-1000], waveform[1000:-1000])[0, 1] > 0.98
    with pytest.raises(ValueError, match=r"\w"):
        as_opus(waveform, 11025)
