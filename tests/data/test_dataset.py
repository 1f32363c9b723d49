import pytest
from lhotse import MonoCut, Recording, SupervisionSegment
from lhotse.utils import fastcopy

from asr.data.dataset import read_waveform
from asr.errors import DataError


def test_cuts_whose_audio_lies_nowhere_are_named() -> None:
    cut = MonoCut("a", 0.0, 1.0, 0, supervisions=[SupervisionSegment("a", "a", 0.0, 1.0, text="A")])
    nowhere = Recording("a", [], sampling_rate=16000, num_samples=16000, duration=1.0)
    for each in (cut, fastcopy(cut, recording=nowhere)):
        with pytest.raises(DataError, match=r"a: audio cannot be read .*; run asr prepare again"):
            read_waveform(each, 16000)


def test_mixed_cuts_whose_audio_is_missing_are_named(tmp_path, make_audio) -> None:
    path = make_audio(tmp_path / "a.wav")
    cut = Recording.from_file(path).to_cut()
    mixed = cut.append(cut)
    assert len(read_waveform(mixed, 16000)) == 16000
    path.unlink()
    with pytest.raises(DataError, match=rf"{mixed.id}: no such file"):
        read_waveform(mixed, 16000)
