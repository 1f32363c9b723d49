import os
from pathlib import Path

from asr.transcription.inputs import Recording
from asr.transcription.outputs import OutputFolder, output_names, with_output_names


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


def test_what_is_there_is_not_done_again_and_what_was_half_written_goes(tmp_path: Path) -> None:
    folder = OutputFolder(tmp_path / "out", "words.vtt")
    recordings = [Recording(Path(f"{place}.wav"), Path(f"x/{place}.wav")) for place in range(3)]
    recordings = with_output_names(recordings)
    assert folder.left_to_do(recordings) == recordings
    folder.write(recordings[1].name, "WEBVTT\n\n")
    dead, living, other = (
        tmp_path / "out/x" / name for name in (".part0-0.words.vtt", ".part1-2.words.vtt", ".part2-0.srt")
    )
    for path in (dead, living, other):
        path.write_text("WEB")
    os.utime(dead, (0, 0))
    os.utime(other, (0, 0))
    assert folder.left_to_do(recordings) == [recordings[0], recordings[2]]
    assert sorted(path.name for path in (tmp_path / "out/x").iterdir()) == [living.name, other.name, "1.words.vtt"]
    assert folder.num_replaced == 0
