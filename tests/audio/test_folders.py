import os
from pathlib import Path

import pytest

from asr.audio.folders import files_below


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def found(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in files_below(folder)]


def test_files_of_all_folders_in_order(tmp_path):
    touch(tmp_path, "b.wav", "a.txt", "x/c.wav", "x/y/d", ".hidden", ".git/e.wav", "x/.f")
    assert found(tmp_path) == ["a.txt", "b.wav", "x/c.wav", "x/y/d"]


def test_links_are_followed_and_circles_end(tmp_path):
    touch(tmp_path, "store/b/b.wav", "corpus/a/a.wav")
    (tmp_path / "corpus" / "b").symlink_to("../store/b")
    (tmp_path / "corpus" / "a" / "up").symlink_to("..")
    (tmp_path / "corpus" / "a" / "self").symlink_to(".")
    (tmp_path / "store" / "b" / "back").symlink_to(tmp_path / "corpus")
    (tmp_path / "corpus" / "lost.wav").symlink_to("nowhere")
    (tmp_path / "corpus" / "c.wav").symlink_to("a/a.wav")
    assert found(tmp_path / "corpus") == ["c.wav", "lost.wav", "a/a.wav", "b/b.wav"]
    (tmp_path / "link").symlink_to("corpus")
    assert found(tmp_path / "link") == ["c.wav", "lost.wav", "a/a.wav", "b/b.wav"]


def test_pipes_are_named_not_opened(tmp_path):
    os.mkfifo(tmp_path / "a.wav")
    assert found(tmp_path) == ["a.wav"]


def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    touch(tmp_path, "a.wav", "closed/b.wav", "open/c.wav")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert found(tmp_path) == ["a.wav", "closed", "open/c.wav"]
    assert list(files_below(tmp_path / "closed")) == [tmp_path / "closed"]


@pytest.mark.parametrize("name", ["nowhere", "a.wav"])
def test_what_is_no_folder(tmp_path, name):
    touch(tmp_path, "a.wav")
    assert found(tmp_path / name) == ["."]
