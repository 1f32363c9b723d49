from pathlib import Path

import pytest

from asr.errors import DataError
from asr.transcription.inputs import Named, Recording, find_recordings, read_list


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


def test_a_list_is_a_path_a_line_and_failures_name_the_line(tmp_path: Path) -> None:
    touch(tmp_path, "a b.wav", "x/c.wav")
    listed = tmp_path / "list.txt"
    listed.write_bytes(f"{tmp_path}/a b.wav\r\n\n{tmp_path}/x\n{tmp_path}/gone.wav".encode())
    named = read_list(listed)
    assert [each.where for each in named] == [f"{listed}:1", f"{listed}:3", f"{listed}:4"]
    recordings = find_recordings(named).recordings
    assert [str(recording.name) for recording in recordings] == ["a b.wav", "c.wav", "gone.wav"]
    assert recordings[2].where == f"{listed}:4"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\n \n", "list.txt: names no file; give a list of paths, one a line"),
        (b"a.wav\nb\0c.wav\n", r"list.txt:2: 'b\x00c.wav' is no path"),
        (b"a.wav\n-\n", "list.txt:2: '-' is no path"),
        (b"a.wav\nb.wav\n\xff\xc0.wav\n", "list.txt:3: is not UTF-8 text"),
    ],
)
def test_what_is_no_list_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_list(tmp_path / "list.txt")
    assert message in str(caught.value)


def test_stdin_is_a_recording_whatever_files_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    touch(tmp_path, "-")
    found = find_recordings(["-", Named("./-"), "-"], stdin=b"RIFF")
    assert found.recordings == [Recording(Path("-"), Path("stdin"), b"RIFF"), Recording(Path("-"), Path("-"))]
    assert found.num_repeated == 1
