from pathlib import Path

import pytest

from asr.errors import DataError
from asr.transcription.inputs import Recording, find_recordings, output_names


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def found(*inputs: Path) -> list[str]:
    return [str(recording.name) for recording in find_recordings(inputs).recordings]


def test_folders_are_searched_in_order_with_all_folders_in_them(tmp_path: Path) -> None:
    touch(tmp_path, "b.WAV", "a/z.flac", "a/y.opus", "c.mp3", "notes.txt", "a/.hidden.wav", ".git/x.wav", "d.sph")
    assert found(tmp_path) == ["b.WAV", "c.mp3", "d.sph", "a/y.opus", "a/z.flac"]
    assert found(tmp_path / "a", tmp_path / "c.mp3") == ["y.opus", "z.flac", "c.mp3"]


def test_a_named_file_is_taken_whatever_it_is_called(tmp_path: Path) -> None:
    assert find_recordings([tmp_path / "gone.xyz"]).recordings == [Recording(tmp_path / "gone.xyz", Path("gone.xyz"))]


def test_what_is_named_twice_is_there_once(tmp_path: Path) -> None:
    touch(tmp_path, "x/a.wav", "x/b.wav")
    (tmp_path / "link.wav").symlink_to(tmp_path / "x/a.wav")
    found = find_recordings([tmp_path / "x/b.wav", tmp_path / "x", tmp_path / "x/../x/a.wav", tmp_path / "link.wav"])
    assert [recording.path.name for recording in found.recordings] == ["b.wav", "a.wav"]
    assert found.num_repeated == 3


def test_linked_folders_are_searched_and_circles_end(tmp_path: Path) -> None:
    touch(tmp_path, "elsewhere/a.wav", "x/b.wav")
    (tmp_path / "x/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "x/circle").symlink_to(tmp_path / "x")
    assert found(tmp_path / "x") == ["b.wav", "linked/a.wav"]


def test_phones_recordings_and_video_are_audio_by_their_names(tmp_path: Path) -> None:
    touch(tmp_path, "a.m4a", "b.webm", "c.WMA", "d.amr", "e.aac", "f.mp4", "g.mov", "h.mkv", "i.wave", "j.txt")
    recordings = find_recordings([tmp_path])
    assert [recording.name.name[0] for recording in recordings.recordings] == list("abcdefghi")
    assert recordings.left_aside == [tmp_path / "j.txt"]


def test_a_folder_without_audio_is_an_error(tmp_path: Path) -> None:
    touch(tmp_path, "notes.txt")
    with pytest.raises(DataError, match=r"holds no audio: no file in it ends in \.wav"):
        find_recordings([tmp_path])
    touch(tmp_path, "a.wav", "empty/notes.txt")
    assert found(tmp_path / "a.wav", tmp_path / "empty") == ["a.wav", "empty"]


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
