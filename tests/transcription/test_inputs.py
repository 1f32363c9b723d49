from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.errors import DataError
from asr.transcription.inputs import Recording, find_recordings, survey


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


def test_a_survey_counts_what_can_be_read(tmp_path: Path) -> None:
    for name, rate, seconds in (("a.wav", 16000, 1.0), ("b.flac", 8000, 0.5)):
        soundfile.write(tmp_path / name, np.zeros(round(rate * seconds)), rate)
    touch(tmp_path, "c.wav")
    recordings = find_recordings([tmp_path]).recordings
    assert survey(recordings, 16000) == (1.5, 1)
    assert survey(recordings, 8000) == (1.5, 1)
    assert survey([], 8000) == (0.0, 0)
