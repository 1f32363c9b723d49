from pathlib import Path

import numpy as np
import pytest

from asr.audio.waveforms import read
from asr.corpora.listing import Listed, make_splits
from asr.errors import DataError


def test_a_cut_carries_its_names_text_and_times(tmp_path, make_audio):
    path = make_audio(tmp_path / "a.flac", seconds=0.7, sample_rate=8000)
    listed = Listed("u1", path, " e\u0301te\u0301 ", speaker="s1", language="French")
    (cut,) = make_splits({"train": [listed]})["train"]
    (supervision,) = cut.supervisions
    assert cut.id == supervision.id == cut.recording.id == "u1"
    assert (supervision.text, supervision.speaker, supervision.language) == ("\u00e9t\u00e9", "s1", "French")
    assert (cut.start, cut.duration, cut.sampling_rate, cut.num_samples) == (0.0, 0.7, 8000, 5600)
    assert (supervision.start, supervision.duration) == (0.0, 0.7)
    assert Path(cut.recording.sources[0].source).is_absolute()


def test_a_segment_holds_the_samples_that_it_names(tmp_path, make_audio):
    path = make_audio(tmp_path / "a.wav", seconds=1.0)
    listed = [
        Listed("u1", path, "A", start=0.25, duration=0.5),
        Listed("u2", path, "B", start=0.25),
        Listed("u3", path, "C", start=0.5, duration=0.504, recording_id="call"),  # rounded up in its list
    ]
    cuts = make_splits({"train": listed})["train"]
    assert [cut.num_samples for cut in cuts] == [8000, 12000, 8000]
    assert [cut.recording.id for cut in cuts] == [str(path), str(path), "call"]
    for cut in cuts:
        expected = read(path, sample_rate=16000, start=cut.start, duration=cut.duration).numpy()
        np.testing.assert_array_equal(cut.load_audio()[0], expected)


def test_all_channels_of_a_file_belong_to_the_cut(tmp_path, make_audio):
    path = make_audio(tmp_path / "a.wav", channels=2)
    (cut,) = make_splits({"train": [Listed("u1", path, "A")]})["train"]
    assert cut.load_audio().shape == (2, 8000)
    np.testing.assert_allclose(cut.load_audio().mean(axis=0), read(path, sample_rate=16000).numpy(), atol=1e-6)


@pytest.mark.parametrize("num_jobs", [1, 3])
def test_files_that_cannot_be_cut_are_problems_and_the_others_go_on(tmp_path, make_audio, num_jobs):
    good = make_audio(tmp_path / "good.wav")
    (tmp_path / "text.wav").write_text("this is not audio")
    bad = [
        Listed("missing", tmp_path / "missing.wav", "A"),
        Listed("text", tmp_path / "text.wav", "A"),
        Listed("none", make_audio(tmp_path / "none.wav", seconds=0), "A"),
        Listed("beyond", good, "A", start=0.4, duration=0.2),
        Listed("after", good, "A", start=0.6),
        Listed("tiny", good, "A", start=0.1, duration=0.00001),
    ]
    problems = []
    splits = make_splits({"train": [bad[0], Listed("good", good, "A"), *bad[1:]], "dev": []}, problems, num_jobs)
    assert [cut.id for cut in splits["train"]] == ["good"]
    assert [(problem.utterance_id, problem.reason) for problem in problems] == [
        ("missing", "unreadable"),
        ("text", "unreadable"),
        ("none", "empty"),
        ("beyond", "unreadable"),
        ("after", "unreadable"),
        ("tiny", "empty"),
    ]
    assert "no such file" in problems[0].found
    assert "is a text file, not audio" in problems[1].found
    assert problems[3].found == "the segment from 0.400 to 0.600 s is not inside its 0.500 s"
    for utterance in bad:
        with pytest.raises(DataError):
            make_splits({"train": [utterance]})
