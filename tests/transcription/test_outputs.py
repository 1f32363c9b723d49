from pathlib import Path

from asr.decoding.hypothesis import Hypothesis
from asr.transcription.formats import FORMATS
from asr.transcription.inputs import Recording
from asr.transcription.outputs import named, output_names, write_files
from asr.transcription.transcript import Transcript


def names(*recordings: tuple[str, str]) -> list[str]:
    return [str(name) for name in output_names([Recording(Path(path), Path(name)) for path, name in recordings])]


def test_names_of_transcripts_are_as_short_as_they_can_be_and_distinct() -> None:
    assert names(("/x/a.wav", "a.wav"), ("/x/s/a.wav", "s/a.wav")) == ["a", "s/a"]
    assert names(("/x/a.wav", "a.wav"), ("/x/a.flac", "a.flac")) == ["a.wav", "a.flac"]
    assert names(("/x/a.wav", "a.wav"), ("/y/a.wav", "a.wav")) == ["x/a.wav", "y/a.wav"]
    assert names(("/x/v1.2.wav", "v1.2.wav")) == ["v1.2"]
    assert names(("/x/A.wav", "A.wav"), ("/x/a.WAV", "a.WAV")) == ["A.wav", "a.WAV-2"]
    assert names(("/x/\xe9.wav", "\xe9.wav"), ("/x/e\u0301.wav", "e\u0301.wav")) == ["\xe9.wav", "e\u0301.wav-2"]
    assert names() == []


def test_a_file_for_each_transcript_under_its_name(tmp_path: Path) -> None:
    recordings = [Recording(Path("/x/a.wav"), Path("a.wav")), Recording(Path("/x/s/a.wav"), Path("s/a.wav"))]
    spoken = [
        Transcript(recording.path, 1.0, Hypothesis(text, (), (), 0.0, 1.0))
        for recording, text in zip(recordings, ("ONE", "TWO"), strict=True)
    ]
    assert write_files(named(spoken, recordings), FORMATS["txt"], tmp_path, "txt") == 0
    assert (tmp_path / "a.txt").read_text() == "ONE\n"
    assert (tmp_path / "s/a.txt").read_text() == "TWO\n"
    assert write_files(named(spoken[:1], recordings), FORMATS["txt"], tmp_path, "txt") == 1
