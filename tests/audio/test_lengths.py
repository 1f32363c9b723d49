"""What a header says of the length of a file is a hint: files are read to their true end."""

import struct

import numpy as np
import pytest
import soundfile

from asr.audio.waveforms import probe, read, stream
from asr.errors import DataError
from tests.audio.sounds import (
    RATE,
    decoded,
    encoded,
    flac_total,
    lengths,
    mp3_without_header,
    ogg_pages,
    patched,
    speech,
    without_end,
)

WAV = encoded("WAV", "PCM_16")
AIFF = encoded("AIFF", "PCM_16")
AU = encoded("AU", "PCM_16")
CAF = encoded("CAF", "PCM_16")
W64 = encoded("W64", "PCM_16")
RF64 = encoded("RF64", "PCM_16")
FLAC = encoded("FLAC", "PCM_16")
VORBIS = encoded("OGG", "VORBIS")
OPUS = encoded("OPUS")
MP3 = encoded("MP3")

SSND = AIFF.index(b"SSND") + 4
COMM = AIFF.index(b"COMM") + 10
CAF_DATA = CAF.index(b"data") + 4
W64_DATA = W64.index(b"data\xf3\xac") + 16
DS64 = RF64.index(b"ds64") + 16  # its data size

TOO_SHORT = {
    "WAV, 0": (WAV, lengths(WAV, 0)),
    "WAV, 0 in both fields": (WAV, lengths(WAV, 0, 0)),
    "WAV, as if empty": (WAV, lengths(WAV, 0, 36)),
    "WAV, half": (WAV, lengths(WAV, 16000)),
    "WAV, half in both fields": (WAV, lengths(WAV, 16000, 16036)),
    "WAV, from a pipe": (WAV, lengths(WAV, 0xFFFFFFFF, 0xFFFFFFFF)),
    "WAV, from sox": (WAV, lengths(WAV, 0x7FFFFFFF - 36, 0x7FFFFFFF)),
    "WAV, 24 bits": (wav24 := encoded("WAVEX", "PCM_24"), lengths(wav24, 3000)),
    "WAV, floats": (wav_float := encoded("WAV", "FLOAT"), lengths(wav_float, 3000)),
    "WAV, IMA ADPCM": (wav_ima := encoded("WAV", "IMA_ADPCM"), lengths(wav_ima, 1024)),
    "WAV, MS ADPCM": (wav_ms := encoded("WAV", "MS_ADPCM"), lengths(wav_ms, 1024)),
    "WAV, GSM": (wav_gsm := encoded("WAV", "GSM610"), lengths(wav_gsm, 0)),
    "AIFF, 0": (AIFF, patched(AIFF, SSND, bytes(4))),
    "AIFF, half": (AIFF, patched(patched(AIFF, SSND, struct.pack(">I", 16008)), COMM, struct.pack(">I", 8000))),
    "AU, 0": (AU, patched(AU, 8, bytes(4))),
    "AU, half": (AU, patched(AU, 8, struct.pack(">I", 16000))),
    "AU, not known": (AU, patched(AU, 8, b"\xff" * 4)),
    "CAF, half": (CAF, patched(CAF, CAF_DATA, struct.pack(">Q", 16004))),
    "CAF, not known": (CAF, patched(CAF, CAF_DATA, b"\xff" * 8)),
    "W64, half": (W64, patched(W64, W64_DATA, struct.pack("<Q", 16024))),
    "RF64, 0": (RF64, patched(RF64, DS64, bytes(8))),
    "RF64, half": (RF64, patched(RF64, DS64, struct.pack("<Q", 16000))),
    "RF64, not known": (RF64, patched(RF64, DS64, b"\xff" * 8)),
    "FLAC, 0": (FLAC, flac_total(FLAC, 0)),
    "FLAC, half": (FLAC, flac_total(FLAC, 8000)),
    "FLAC, 24 bits": (flac24 := encoded("FLAC", "PCM_24", speech(1, 2)), flac_total(flac24, 0)),
    "Vorbis, no end": (VORBIS, without_end(VORBIS)),
    "Opus, no end": (OPUS, without_end(OPUS)),
}


@pytest.mark.parametrize(("whole", "damaged"), TOO_SHORT.values(), ids=TOO_SHORT)
def test_what_lies_beyond_the_length_in_the_header_is_read(whole, damaged):
    assert whole != damaged
    found = decoded(damaged)
    assert np.array_equal(found, decoded(whole))
    assert len(found) >= 16000


JOINED = {"WAV": WAV, "AIFF": AIFF, "AU": AU, "CAF": CAF, "W64": W64, "RF64": RF64, "FLAC": FLAC, "Vorbis": VORBIS}
JOINED |= {"Opus": OPUS, "MP3": MP3, "GSM": wav_gsm}


@pytest.mark.parametrize("data", JOINED.values(), ids=JOINED)
def test_files_that_were_joined_are_read_one_after_another(data, tmp_path):
    one = decoded(data)
    path = tmp_path / "joined"
    path.write_bytes(3 * data)
    assert probe(path).num_samples == 3 * len(one)
    whole = read(path, sample_rate=RATE).numpy()
    assert np.array_equal(whole, np.concatenate([one[:, 0]] * 3))
    blocks = list(stream(path, RATE, 0.3))
    assert np.array_equal(np.concatenate(blocks), whole)
    part = read(path, sample_rate=RATE, start=0.9, duration=0.5).numpy()
    assert np.array_equal(part, whole[14400:22400])


def test_wav_that_is_larger_than_its_header_can_say(tmp_path):
    path, num_bytes = tmp_path / "a.wav", (1 << 32) + 32000
    with path.open("wb") as file:
        file.write(lengths(WAV, num_bytes % (1 << 32))[:44])
        file.truncate(44 + num_bytes)  # a hole, which takes no room
        file.seek(44 + num_bytes - 32000)
        file.write(WAV[44:])
    seconds = num_bytes / 2 / RATE
    assert probe(path).num_samples == num_bytes // 2
    assert np.array_equal(read(path, sample_rate=RATE, start=seconds - 1, duration=1.0).numpy(), decoded(WAV)[:, 0])


def test_a_thousand_joined_files():
    short = encoded("WAV", "PCM_16", speech(0.01))
    assert len(decoded(1000 * short)) == 160_000


def test_a_header_that_points_at_itself_ends():
    with pytest.raises(DataError):
        decoded(patched(AU, 4, bytes(8)))


def test_joined_files_of_one_kind_but_different_lengths():
    first, second = encoded("FLAC", samples=speech(0.3)), encoded("FLAC", samples=speech(0.7, seed=1))
    assert np.array_equal(decoded(first + second), np.concatenate((decoded(first), decoded(second))))


def test_joined_files_of_different_rates_are_one_line():
    other = encoded("MP3", rate=44100)
    with pytest.raises(DataError, match="joined from recordings with 16000 Hz and 1 channels, and with 44100 Hz and 1"):
        decoded(MP3 + other)


@pytest.mark.parametrize(
    "appended",
    [
        b"LIST\x04\0\0\0INFO",
        b"LIST\x04\0\0\0INFObext\x02\0\0\0ab",
        b"id3 \x05\0\0\0abcde",
        b"xxxx\x02\0\0\0ab",
        b"TAG" + bytes(125),
        b"ID3\x04\0\0\0\0\0\0",
        bytes(3000),
        b"\r\n",
    ],
)
def test_what_follows_the_samples_and_is_no_sound_is_not_read(appended):
    assert np.array_equal(decoded(WAV + appended), decoded(WAV))
    odd = encoded("WAV", "PCM_U8", speech()[:15999])
    assert odd[-1:] == b"\0"  # aligned
    assert len(decoded(odd + appended)) == 15999
    assert len(decoded(odd[:-1] + appended)) == 15999  # some programs forget to align


@pytest.mark.parametrize(
    "data", [WAV, AIFF, FLAC, VORBIS, OPUS, MP3], ids=["WAV", "AIFF", "FLAC", "Vorbis", "Opus", "MP3"]
)
def test_tags_of_mp3_before_and_after_any_format(data):
    tag = b"ID3\x04\0\0\0\0\x02\0" + bytes(256)
    expected = decoded(data)
    for tagged in (tag + data, tag + tag + data, data + b"TAG" + bytes(125), data + bytes(1000)):
        assert np.array_equal(decoded(tagged), expected)


def test_silence_at_the_end_of_a_header_that_says_nothing_is_sound():
    samples = np.concatenate((np.zeros((9000, 1)), speech(0.1), np.zeros((9000, 1))))
    data = encoded("WAV", "PCM_16", samples)
    assert len(decoded(lengths(data, 0, 36))) == 19600


@pytest.mark.parametrize("keep", [0.999, 0.5])
@pytest.mark.parametrize(
    "data", [WAV, AIFF, AU, CAF, W64, RF64, FLAC, VORBIS, OPUS, MP3, wav_gsm, wav_ms], ids=lambda data: str(data[:4])
)
def test_files_that_end_too_early_are_told(data, keep):
    with pytest.raises(DataError, match="truncated"):
        decoded(data[: int(keep * len(data))])


def test_the_last_of_joined_files_may_end_too_early():
    for data in (WAV, FLAC, MP3, OPUS):
        with pytest.raises(DataError, match="is truncated: "):
            decoded(data + data[: len(data) // 2])


def test_a_length_of_petabytes_takes_no_memory():
    for data in (
        flac_total(FLAC, (1 << 36) - 1),
        patched(W64, W64_DATA, struct.pack("<Q", 1 << 60)),
        patched(RF64, DS64, struct.pack("<Q", 1 << 60)),
        patched(CAF, CAF_DATA, struct.pack(">Q", 1 << 60)),
        patched(AU, 8, struct.pack(">I", 0x7FFF0000)),
    ):
        with pytest.raises(DataError, match="is truncated: "):
            decoded(data)


def test_flac_of_unknown_length_that_ends_within_a_frame_is_read_to_its_last_whole_one():
    found = decoded(flac_total(FLAC, 0)[:-500])
    assert 0 < len(found) < 16000
    assert np.array_equal(found, decoded(FLAC)[: len(found)])


def test_an_ogg_stream_whose_last_pages_were_never_written_is_read_to_what_is_there():
    data = encoded("OPUS", samples=speech(4.0))
    pages = ogg_pages(data)
    assert len(pages) >= 6
    found = decoded(b"".join(pages[:-2]))
    assert 16000 <= len(found) < 64000
    assert np.array_equal(found[:16000], decoded(data)[:16000])


def quiet_then_loud():
    """Variable bit rate: the first frames are small, the last large."""
    return np.concatenate((1e-4 * speech(2.0), speech(2.0)))


@pytest.mark.parametrize("first", [0, 1])
def test_mp3_without_a_count_of_its_frames(first, tmp_path):
    samples = quiet_then_loud()[:: (1, -1)[first]].copy()
    data = mp3_without_header(samples)
    path = tmp_path / "a.mp3"
    path.write_bytes(data)
    with soundfile.SoundFile(path) as sound:
        assert sound.frames != probe(path).num_samples  # what libsndfile guesses
    found = decoded(data)
    assert len(found) % 576 == 0
    assert 0 <= len(found) - len(samples) < 4 * 576  # an encoder fills its last frames
    whole = decoded(encoded("MP3", samples=samples))  # which its header says, and how many samples come too early
    delay = np.argmax([np.dot(found[30000 + d : 50000 + d, 0], whole[30000:50000, 0]) for d in range(2500)])
    assert np.allclose(found[delay : delay + len(whole)], whole[: len(found) - delay], atol=1e-5)
    part = read(path, sample_rate=RATE, start=1.5, duration=1.0).numpy()
    assert np.allclose(part, found[24000:40000, 0], atol=1e-7)
    assert np.array_equal(np.concatenate(list(stream(path, RATE, 0.7))), found[:, 0])


def test_joined_mp3_without_counts_and_with_tags_between():
    one = mp3_without_header(quiet_then_loud())
    tag = b"ID3\x04\0\0\0\0\x20\0" + bytes(4096)
    assert len(decoded(one + one)) == 2 * len(decoded(one))
    assert len(decoded(tag + one + b"TAG" + bytes(125) + tag + one)) == 2 * len(decoded(one))
    assert len(decoded(MP3 + one + MP3)) == 2 * len(decoded(MP3)) + len(decoded(one))


def test_mp3_with_a_header_that_states_no_count():
    place = MP3.index(b"Xing") + 4
    found = decoded(patched(MP3, place, bytes(4)))
    assert 16000 <= len(found) < 16000 + 5 * 576


def test_mp3_that_ends_within_a_frame_is_read_to_its_last_whole_one():
    data = mp3_without_header()
    assert len(decoded(data[:-10])) == len(decoded(data)) - 576


def test_mp3_with_junk_before_its_first_frame():
    assert np.array_equal(decoded(bytes(300) + MP3), decoded(MP3))


@pytest.mark.parametrize("bit", [0x04, 0x08, 0xC0])
def test_mp3_with_a_damaged_frame_loses_no_more_than_that(bit):
    data = mp3_without_header(speech(3.0))
    place = data.index(data[:2], len(data) // 2)
    found = decoded(patched(data, place + (2 if bit < 0x10 else 1), bytes((data[place + 2] ^ bit,))))
    assert len(decoded(data)) - 4 * 576 <= len(found) < len(decoded(data))
    whole = encoded("MP3", samples=speech(3.0))
    place = whole.index(whole[:2], len(whole) // 2)
    with pytest.raises(DataError, match=r"is truncated: its header promises \d+ frames, \d+ are there"):
        decoded(patched(whole, place + 1, b"\0"))


def test_mp3_within_wav():
    header = b"RIFF\xff\xff\xff\xffWAVEfmt \x12\0\0\0\x55\0\x01\0\x80\x3e\0\0\xd0\x07\0\0\x01\0\0\0\0\0data"
    assert np.array_equal(decoded(header + struct.pack("<I", len(MP3)) + MP3), decoded(MP3))


def test_segments_of_mp3_are_exact(tmp_path):
    path = tmp_path / "a.mp3"
    path.write_bytes(encoded("MP3", samples=speech(8.0)))
    whole = read(path, sample_rate=RATE)
    for first in range(40000, 100000, 5003):
        part = read(path, sample_rate=RATE, start=first / RATE, duration=0.5)
        assert (part - whole[first : first + 8000]).abs().max() < 1e-7


def test_a_segment_beyond_the_true_end_is_told(tmp_path):
    path = tmp_path / "a.mp3"
    path.write_bytes(mp3_without_header(speech(1.0)))
    seconds = probe(path).duration
    for start in (seconds - 0.1, seconds + 0.5, 1000.0):
        with pytest.raises(DataError, match=f"is not inside its {seconds:.3f} s"):
            read(path, sample_rate=RATE, start=start, duration=0.2)


NO_SEEKING = [("WAV", "GSM610"), ("WAV", "G721_32"), ("WAV", "NMS_ADPCM_16"), ("AIFF", "GSM610"), ("W64", "GSM610")]
NO_SEEKING += [("AU", "G721_32"), ("AU", "G723_24"), ("AU", "G723_40"), ("AIFF", "DWVW_16"), ("XI", "DPCM_16")]


@pytest.mark.parametrize(("kind", "subtype"), NO_SEEKING)
def test_codecs_that_cannot_seek_are_read_from_the_start(kind, subtype, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(encoded(kind, subtype, speech(2.0)))
    rate = probe(path).sample_rate
    whole = read(path, sample_rate=rate).numpy()
    assert 32000 <= len(whole) < 32400
    assert np.corrcoef(whole[:32000], speech(2.0)[:, 0])[0, 1] > 0.5
    part = read(path, sample_rate=rate, start=20000 / rate, duration=5000 / rate).numpy()
    assert np.array_equal(part, whole[20000:25000])
    assert np.array_equal(np.concatenate(list(stream(path, rate, 0.3))), whole)


@pytest.mark.parametrize(
    "kind", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM"]
)
def test_segments_of_wav_of_all_kinds_are_exact(kind, tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(encoded("WAV", kind))
    whole = read(path, sample_rate=RATE).numpy()
    assert np.array_equal(read(path, sample_rate=RATE, start=0.3, duration=0.3).numpy(), whole[4800:9600])
