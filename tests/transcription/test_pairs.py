"""Recordings find their texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.errors import DataError, UsageError
from asr.transcription.pairs import find_pairs


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_audio_and_text_in_turn(tmp_path: Path) -> None:
    text = write(tmp_path / "a.txt", "one\ntwo\n")
    found = find_pairs(["x/a.wav", str(text), "b.mp3", str(text)], None)
    assert [pair.recording.path for pair in found.pairs] == [Path("x/a.wav"), Path("b.mp3")]
    assert found.pairs[0].lines() == ["one\n", "two\n"]
    assert found.num_unused == 0


def test_what_is_no_pair_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"^c.wav: has no text after it; name audio and text in turn, or give --texts$"
    ):
        find_pairs(["a.wav", "a.txt", "c.wav"], None)
    with pytest.raises(UsageError, match="is a folder; give --texts FOLDER"):
        find_pairs([str(tmp_path), "a.txt"], None)
    with pytest.raises(DataError, match=r"no.txt: no such file"):
        find_pairs(["a.wav", str(tmp_path / "no.txt")], None).pairs[0].lines()


def test_a_folder_of_texts_has_the_names_of_the_recordings(tmp_path: Path) -> None:
    for name in ("a.wav", "x/a.flac", "x/b.wav"):
        write(tmp_path / "audio" / name)
    for name in ("a.txt", "x/a.lab", "x/unused.txt", "readme.md"):
        write(tmp_path / "texts" / name, name)
    found = find_pairs([str(tmp_path / "audio")], str(tmp_path / "texts"))
    assert [str(pair.recording.name) for pair in found.pairs] == ["a.wav", "x/a.flac", "x/b.wav"]
    assert [pair.lines() for pair in found.pairs[:2]] == [["a.txt"], ["x/a.lab"]]
    assert found.num_unused == 1
    with pytest.raises(DataError, match=r"b.wav: has no text; name one like it, or leave the recording out"):
        found.pairs[2].lines()


def test_a_list_names_recordings_by_path_or_name_with_their_ending_or_without(tmp_path: Path) -> None:
    audio = tmp_path / "audio"
    for name in ("a.wav", "x/b.wav", "c.wav"):
        write(audio / name)
    listed = write(tmp_path / "list.tsv", f"{audio}/a.wav\tone\n\nx/b\ttwo words\nc.wav\t\nd.wav\tfour\n")
    found = find_pairs([str(audio)], str(listed))
    assert [pair.lines() for pair in found.pairs] == [["one"], [""], ["two words"]]
    assert found.pairs[2].where == f"{listed}:3"
    assert found.num_unused == 1


def test_a_list_that_is_none_is_told_with_its_line(tmp_path: Path) -> None:
    write(tmp_path / "a.wav")
    for content, message in (("a one", r":1: has no tab"), ("a\tone\na\ttwo", r":2: a is in it twice; keep one")):
        listed = write(tmp_path / "list.tsv", content)
        with pytest.raises(DataError, match=message):
            find_pairs([str(tmp_path / "a.wav")], str(listed))
    with pytest.raises(DataError, match="no such file"):
        find_pairs([str(tmp_path / "a.wav")], str(tmp_path / "none.tsv"))
