import gzip
import os

import pytest

from asr.errors import DataError
from asr.files import leftovers, locked, numbered_lines, open_text, open_written, part_of, written_whole


def test_the_file_appears_when_the_block_ends_and_nothing_else_stays(tmp_path):
    path = tmp_path / "new" / "a.jsonl.gz"
    with written_whole(path) as beside:
        beside.write_text("whole")
        assert not path.exists()
        assert beside.name.endswith("a.jsonl.gz")
    assert [(file.name, file.read_text()) for file in (tmp_path / "new").iterdir()] == [("a.jsonl.gz", "whole")]


def test_an_error_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write_half():
        with written_whole(path) as beside:
            beside.write_text("half")
            raise KeyError("broken off")

    with pytest.raises(KeyError):
        write_half()
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.txt", "old")]


def test_what_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(DataError, match=r"file/a.txt: cannot be written \((Not a directory|File exists)\)"),
        written_whole(tmp_path / "file" / "a.txt"),
    ):
        pass


@pytest.mark.parametrize("name", ["a.txt", "a.txt.gz"])
def test_text_is_read_as_it_was_written_with_the_numbers_of_its_lines(tmp_path, name):
    with open_written(tmp_path / name) as file:
        file.write("\ufefföne\r\ntwo\n".encode())
    assert list(numbered_lines(tmp_path / name)) == [(1, "öne\r\n"), (2, "two\n")]
    with open_text(tmp_path / name) as lines:
        assert list(lines) == ["öne\r\n", "two\n"]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("none.txt", None, "none.txt: no such file; check the path"),
        ("a.txt.gz", b"no gzip", "a.txt.gz: is no whole gzip file; make or copy it again"),
        ("a.txt.gz", gzip.compress(b"cut off", mtime=0)[:-9], "a.txt.gz: is no whole gzip file; make or copy it again"),
        ("a.txt", b"\n\xe9\n", "a.txt: is not UTF-8 text; convert the file, for example with: iconv -t UTF-8"),
    ],
    ids=["missing", "no gzip", "half of a gzip", "latin 1"],
)
def test_text_that_cannot_be_read_is_named(tmp_path, name, content, complaint):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught, open_text(tmp_path / name) as lines:
        list(lines)
    assert str(caught.value) == f"{tmp_path}/{complaint}"


def test_names_of_unfinished_files_differ_and_fit(tmp_path):
    names = {part_of(tmp_path / "a.ckpt").name for _ in range(100)}
    assert len(names) == 100
    assert all(name.startswith(".part") and name.endswith("-a.ckpt") for name in names)
    for name in ("x" * 255, "ü" * 127 + "x"):
        with written_whole(tmp_path / name) as beside:
            beside.write_text("whole")
    assert len(list(tmp_path.iterdir())) == 2


def test_leftovers_are_those_of_a_name_and_of_an_age(tmp_path):
    parts = [part_of(tmp_path / "a.ckpt"), part_of(tmp_path / "b.txt"), tmp_path / ".part123-a.ckpt"]
    for part in parts:
        part.touch()
    assert set(leftovers(tmp_path / "a.ckpt")) == {parts[0], parts[2]} == set(leftovers(tmp_path / "*.ckpt"))
    os.utime(parts[0], (0, 0))
    assert leftovers(tmp_path / "a.ckpt", older_than=60.0) == [parts[0]]


def test_a_lock_says_where_a_file_system_knows_none(tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr("fcntl.lockf", refuse)
    with locked(tmp_path / "x.lock", "a training", "wait"):
        pass
    assert "x.lock: cannot be locked (No locks available): take care that nothing else writes there" in caplog.text
    with pytest.raises(DataError, match=r"x\.lock/y: cannot be written"), locked(tmp_path / "x.lock" / "y", "a", "b"):
        pass
