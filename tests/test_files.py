import errno
import gzip
import lzma
import os
import resource
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest

from asr import encodings
from asr.errors import DataError, printable
from asr.files import (
    check_readable,
    check_writable,
    fitting,
    numbered_lines,
    open_lines,
    open_text,
    open_written,
    part_of,
    temporary_folder,
    written_whole,
)
from asr.locking import leftovers, locked


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
        pytest.raises(DataError, match=r"file/a.txt: cannot be written \(.*file is no folder\); name another place"),
        written_whole(tmp_path / "file" / "a.txt"),
    ):
        pass


def written(path):
    """Returns the line that writing ends with, empty where it ends well."""
    try:
        with open_written(path) as file:
            file.write(b"content" * 1000)
    except DataError as error:
        return str(error).removeprefix(f"{printable(str(path))}: ")
    return ""


def checked(check, path):
    """Returns the line of a check that a path does not pass, empty if it passes."""
    try:
        check(path)
    except DataError as error:
        return str(error).removeprefix(f"{printable(str(path))}: ")
    return ""


def test_places_are_checked_without_a_trace(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    for name in ("a.txt", "b.txt", "new/er/c.txt"):
        assert checked(check_writable, tmp_path / name) == ""
    assert checked(check_writable, "/dev/full") == ""  # is found out when it is written to
    assert checked(check_writable, "/proc/nowhere/a.txt").startswith("cannot be written (")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.txt", "old")]


def test_inputs_are_checked_without_reading_them(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff\x00")
    os.mkfifo(tmp_path / "fifo")  # opening it would wait for ever
    assert [checked(check_readable, tmp_path / name) for name in ("a.txt", "fifo")] == ["", ""]
    assert checked(check_readable, tmp_path / "none") == "no such file; check the path"
    assert checked(check_readable, tmp_path) == "cannot be read (Is a directory); check the path"
    assert checked(check_readable, "a\0b").endswith("has a NUL in its name; correct the path")


def test_a_file_system_that_is_read_only(tmp_path, monkeypatch):
    def refuse(path, *_, **__):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    (tmp_path / "a.txt").write_text("old")
    for name in ("open", "unlink", "replace"):  # Linux says so of files that are not there, too
        monkeypatch.setattr(Path, name, refuse)
    for name in ("a.txt", "b.txt", "c.txt.gz"):
        assert written(tmp_path / name).startswith("cannot be written (Read-only file system); check the folder")
    monkeypatch.undo()
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.txt", "old")]


def test_no_room_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        found = [written(tmp_path / name) for name in ("a.txt", "b.txt")]
        found.append(checked(check_writable, tmp_path / "c.txt"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert all(line.startswith("cannot be written (File too large); check the folder") for line in found)
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.txt", "old")]


def test_devices_and_pipes_are_written_to_and_stay_what_they_are(tmp_path):
    assert (
        written("/dev/full")
        == "cannot be written (No space left on device); check the folder, its rights and the room left"
    )
    assert written("/dev/null") == ""
    assert all(Path(f"/dev/{name}").is_char_device() for name in ("full", "null"))
    os.mkfifo(tmp_path / "fifo")
    reader = threading.Thread(target=lambda: read.append((tmp_path / "fifo").read_bytes()))
    read = []
    reader.start()
    assert written(tmp_path / "fifo") == ""
    reader.join()
    assert read == [b"content" * 1000]
    assert [file.name for file in tmp_path.iterdir()] == ["fifo"]
    with (tmp_path / "stdout").open("wb") as file:
        assert written(f"/dev/fd/{file.fileno()}") == ""
    assert (tmp_path / "stdout").read_bytes() == b"content" * 1000


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (".", "is a folder; name a file in it"),
        ("folder", "is a folder; name a file in it"),
        ("x" * 300, "cannot be written (File name too long); check the folder"),
        ("y" * 300 + "/a", "cannot be written (File name too long); check the folder"),
        ("a.txt/b", "cannot be written ({}/a.txt is no folder); name another place"),
        ("nul\0", "is no path; leave out characters that no path has"),
        ("loop/a", "cannot be written (Too many levels of symbolic links); check the folder"),
    ],
)
def test_paths_that_cannot_be_files(tmp_path, name, line):
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "loop").symlink_to("loop")
    found = written(tmp_path / name)
    assert found.startswith(line.format(tmp_path)) or (name == "loop/a" and "cannot be written" in found)
    assert checked(check_writable, tmp_path / name).startswith(line.format(tmp_path))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.txt", "folder", "loop"]


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
        (
            "a.txt",
            b"\n\xb0\xb7\xd7\xf0 \x98",
            "a.txt:2: is not UTF-8 text, and its encoding cannot be told; save it again, as UTF-8",
        ),
        ("a.wav", b"RIFF$\xd4\x01\0WAVEfmt \x10\0\0\0", "a.wav: is not text; check that it is the file you mean"),
        ("a.txt", "ä\nö\nü".encode() + b"\n\xe9\n", "a.txt:4: is not UTF-8 text, as other lines are; correct the line"),
        ("\0.txt", None, "\\0.txt: has a NUL in its name; correct the path"),
    ],
    ids=["missing", "no gzip", "half of a gzip", "noise", "audio", "mixed", "zero byte"],
)
def test_text_that_cannot_be_read_is_named(tmp_path, name, content, complaint):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught, open_text(tmp_path / name) as lines:
        list(lines)
    assert str(caught.value) == f"{tmp_path}/{complaint}"


@pytest.mark.parametrize("name", ["my list.csv", "text", "dict.txt.gz", "dict.xz"])
def test_the_encoding_is_named_and_the_command_that_converts_works(tmp_path, name):
    text = "a\nDÉJÀ  D EY2 ZH AA1\n"
    packed = {".gz": gzip.compress, ".xz": lzma.compress}.get(Path(name).suffix, bytes)
    (tmp_path / name).write_bytes(packed(text.encode("latin-1")))
    with pytest.raises(DataError) as caught:
        list(numbered_lines(tmp_path / name))
    assert caught.value.where == f"{tmp_path / name}:2"
    assert caught.value.found == "is not UTF-8 text but most likely ISO-8859-1, in which it reads 'DÉJÀ'"
    command = caught.value.remedy.removeprefix("convert it: ")
    if shutil.which("iconv") is None:
        pytest.skip("there is no iconv here")
    subprocess.run(command, shell=True, check=True)
    (converted,) = tmp_path.glob("*.utf8*")
    assert converted.read_text(encoding="utf-8") == text
    assert [line for _, line in numbered_lines(converted)] == text.splitlines(keepends=True)


def test_a_pipe_is_not_read_twice(tmp_path):
    reading, writing = os.pipe()
    os.write(writing, b"a\n\xe9\n")
    os.close(writing)
    with pytest.raises(DataError, match=f"/dev/fd/{reading}: is not UTF-8 text; save it as UTF-8"):
        list(numbered_lines(f"/dev/fd/{reading}"))
    os.close(reading)


@pytest.mark.parametrize("name", [253 * "x" + ".t", 251 * "x" + ".txt", 125 * "é" + "xyz.t", 82 * "か" + "ab.txt.gz"])
def test_the_longest_names_that_there_are_can_be_written(tmp_path, name):
    assert len(os.fsencode(name)) == 255
    path = tmp_path / name
    for text in ("first", "second"):
        with open_written(path) as file:
            file.write(text.encode())
        with open_text(path) as lines:
            assert lines.read() == text
    assert list(tmp_path.iterdir()) == [path]


def test_names_that_are_too_long_are_cut_and_stay_distinct():
    names = {fitting(f"{300 * letter}{end}.jsonl") for letter in "aéか" for end in ("", "1", "2")}
    assert len(names) == 9
    assert all(200 < len(os.fsencode(name)) <= 255 and name.endswith(".jsonl") for name in names)
    assert fitting(255 * "x") == 255 * "x"


def test_a_pipe_that_has_a_name_is_told_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "list.csv")
    with (
        pytest.raises(DataError, match=r"list\.csv: is a pipe that may never end; save"),
        open_text(tmp_path / "list.csv"),
    ):
        pass


def test_what_a_shell_passes_as_a_pipe_is_read():
    reading, writing = os.pipe()
    os.write(writing, b"one\ntwo\n")
    os.close(writing)
    assert [line for _, line in numbered_lines(f"/dev/fd/{reading}")] == ["one\n", "two\n"]
    os.close(reading)


@pytest.mark.parametrize("name", ["a.txt.gz", "a.txt"])
def test_lines_without_an_end_do_not_fill_the_memory(tmp_path, monkeypatch, name):
    monkeypatch.setattr(encodings, "LONGEST_LINE", 1 << 20)
    path = tmp_path / name
    with open_written(path) as file:
        file.write(b"short\n" + bytes(1 << 21))
    with pytest.raises(DataError, match=r"has a line of more than 1,048,576 bytes"), open_lines(path) as lines:
        list(lines)


def test_archives_that_unpack_to_much_more_than_texts_do_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(encodings, "_SMALL", 1 << 16)
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b"{}\n" * 500_000))
    with (
        pytest.raises(DataError, match=r"a\.jsonl\.gz: unpacks to more than .* 200 times its own size"),
        open_lines(path) as lines,
    ):
        list(lines)
    monkeypatch.undo()
    with open_lines(path) as lines:
        assert sum(1 for _ in lines) == 500_000


def test_a_name_with_a_nul_is_told():
    with pytest.raises(DataError, match=r"a\\0b: has a NUL in its name"), open_lines("a\0b"):
        pass


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


def test_where_no_temporary_file_can_be_written_one_line_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path / "none")])
    with pytest.raises(DataError, match="TMPDIR: no folder for temporary files can be written to; make room, or set"):
        temporary_folder()
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: [str(tmp_path)])
    assert temporary_folder() == tmp_path
