"""What asr prepare accepted is read by Lhotse, sample by sample the same."""

import io
import tarfile

import numpy as np
import pytest
from lhotse import Recording
from lhotse.audio import AudioSource

from asr.audio.waveforms import read
from asr.corpora.listening import listen
from asr.corpora.listing import Listed, make_splits
from asr.corpora.manifests import read_cuts, write_cuts
from asr.data.dataset import read_waveform
from asr.errors import DataError
from tests.audio.media_files import write_media
from tests.audio.sounds import encoded, flac_total, lengths, mp3_without_header, speech, without_end

FILES = {
    "a.wav": lengths(encoded("WAV", "PCM_16"), 0),
    "b.wav": encoded("WAV", "GSM610"),
    "c.au": encoded("AU", "G721_32"),
    "d.flac": flac_total(encoded("FLAC"), 0),
    "e.opus": without_end(encoded("OPUS")),
    "f.mp3": mp3_without_header(),
    "g.mp3": 2 * encoded("MP3"),
    "h.ogg": 2 * encoded("OGG", "VORBIS"),
    "i.m4a": None,
    "j.wma": None,
}


@pytest.mark.parametrize("name", FILES)
def test_files_and_segments_of_all_kinds(tmp_path, name):
    path = tmp_path / name
    if FILES[name] is None:
        write_media(path, speech(3.0), {"i.m4a": "b.m4a", "j.wma": "a.wma"}[name])
    else:
        path.write_bytes(FILES[name])
    listed = [Listed("whole", path, "A"), Listed("part", path, "A", start=0.25, duration=0.4)]
    write_cuts(make_splits({"train": listed})["train"], tmp_path / "cuts.jsonl.gz")
    for cut in read_cuts(tmp_path / "cuts.jsonl.gz"):
        rate = cut.sampling_rate
        expected = read(path, sample_rate=rate, start=cut.start, duration=cut.duration)
        found = read_waveform(cut, rate)
        assert len(found) == cut.num_samples == len(expected)
        assert (found - expected).abs().max() < 1e-6
        slower = read_waveform(cut.perturb_speed(0.9), rate)
        assert len(slower) == cut.perturb_speed(0.9).num_samples
        assert listen(cut).peak > 0.01


def test_audio_in_memory(tmp_path):
    content = 2 * encoded("MP3")
    source = AudioSource("memory", [0], content)
    recording = Recording("r", [source], 16000, 32000, 2.0)
    expected = read(_written(tmp_path / "a.mp3", content), sample_rate=16000)
    assert np.array_equal(recording.load_audio()[0], expected.numpy())
    assert np.array_equal(recording.load_audio(offset=0.5, duration=1.0)[0], expected[8000:24000].numpy())


def test_lhotse_finds_out_the_true_length(tmp_path):
    path = _written(tmp_path / "a.mp3", 2 * encoded("MP3"))
    assert Recording.from_file(path).num_samples == 32000


def test_an_error_is_one_line_with_utterance_and_file(tmp_path):
    path = _written(tmp_path / "a.wav", encoded("WAV"))
    (cut,) = make_splits({"train": [Listed("u", path, "A")]})["train"]
    path.unlink()
    with pytest.raises(DataError) as caught:
        read_waveform(cut, 16000)
    assert str(caught.value) == f"u: {path}: no such file; check the path"
    _written(path, encoded("WAV", samples=speech(0.5)))
    with pytest.raises(DataError) as caught:
        read_waveform(cut, 16000)
    told = "is not as long as its manifest says, 16,000 samples; run asr prepare again"
    assert str(caught.value) == f"u: {path}: {told}"
    with pytest.raises(DataError, match=r"the segment from 0\.000 s to 1\.000 s is not inside its 0\.500 s"):
        listen(cut)
    _written(path, encoded("WAV", samples=speech(0.5), rate=8000))
    with pytest.raises(DataError, match="has 8,000 samples, where the list of cuts has 16,000; make the list again"):
        listen(cut)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Lhotse leaves the archive open
def test_files_in_tar_archives_stay_with_lhotse(tmp_path):
    content = encoded("WAV")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        member = tarfile.TarInfo("b.wav")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    assert Recording.from_file(f"{tmp_path}/a.tar/b.wav").load_audio().shape == (1, 16000)


def _written(path, content):
    path.write_bytes(content)
    return path
