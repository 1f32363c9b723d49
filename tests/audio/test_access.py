"""What lies at a path: found however its name is spelled, and told if it is no file that can be read."""

import io
import os
import socket
import threading
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.audio.access import Bytes, Range, View, find_file
from asr.audio.waveforms import probe, read
from asr.errors import DataError
from tests.audio.sounds import encoded

WAV = encoded("WAV", "PCM_16")


def error_of(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read(path, sample_rate=16000)
    line = str(caught.value)
    assert "\n" not in line
    assert "\0" not in line
    return line.removeprefix(f"{path}: ")


@given(
    st.lists(st.one_of(st.binary(max_size=9), st.tuples(st.integers(0, 60), st.integers(0, 30))), max_size=6), st.data()
)
def test_a_view_reads_as_the_file_that_it_stands_for(parts, data):
    file = bytes(range(100))
    ranges = [part if isinstance(part, bytes) else Range(part[0], part[0] + part[1]) for part in parts]
    whole = b"".join(part if isinstance(part, bytes) else file[part.start : part.stop] for part in ranges)
    view, expected = View(io.BytesIO(file), ranges), io.BytesIO(whole)
    assert view.seek(0, os.SEEK_END) == expected.seek(0, os.SEEK_END)
    for _ in range(5):
        place, count = data.draw(st.integers(0, len(whole) + 3)), data.draw(st.integers(0, 40))
        assert (view.seek(place), expected.seek(place)) == (place, place)
        assert view.read(count) == expected.read(count)
        buffer = bytearray(count)
        view.seek(place)
        expected.seek(place)
        assert buffer[: view.readinto(buffer)] == expected.read(count)
        assert view.tell() == expected.tell()


def test_a_view_that_claims_more_ends_where_it_ends():
    view = View(io.BytesIO(b"abcdef"), [Range(1, 4)], claimed_size=1000)
    assert view.seek(0, os.SEEK_END) == 1000
    assert (view.seek(872), view.read(200)) == (872, bytes(128))
    assert (view.seek(2), view.read(200)) == (2, b"d")


@given(st.binary(max_size=60), st.binary(min_size=1, max_size=3), st.integers(0, 60), st.integers(0, 60))
def test_bytes_are_found_and_read_at_any_place(content, wanted, start, stop):
    data = Bytes(io.BytesIO(content))
    assert data.find(wanted, start, stop) == content.find(wanted, start, min(stop, len(content)))
    assert data.at(start, 5) == content[start : start + 5]
    assert b"".join(data.blocks(start, stop)) == content[start:stop]


def test_bytes_are_found_across_blocks():
    content = bytes((1 << 20) - 2) + b"wanted" + bytes(1 << 20)
    assert Bytes(io.BytesIO(content)).find(b"wanted", 5, len(content)) == (1 << 20) - 2


@pytest.mark.parametrize("made", ["NFC", "NFD"])
def test_names_are_found_however_unicode_spells_them(tmp_path, made):
    folder = tmp_path / normalize(made, "é")
    folder.mkdir()
    path = folder / normalize(made, "ñandú ä.wav")
    path.write_bytes(WAV)
    for form in ("NFC", "NFD"):
        asked = Path(normalize(form, str(path)))
        assert find_file(asked) == path
        assert probe(asked).num_samples == 16000
    mixed = Path(normalize("NFC", str(folder)), normalize("NFD", path.name))
    assert find_file(mixed) == path
    assert find_file(folder / "ø.wav") == folder / "ø.wav"


def test_what_is_no_file_is_told_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    assert error_of(tmp_path / "pipe.wav") == "is a pipe, not a file; save what comes out of it as a file"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s.wav"))
        assert error_of(tmp_path / "s.wav") == "is a socket, not a file; check the path"
    assert error_of(Path("/dev/zero")) == "is a device, not a file; check the path"
    (tmp_path / "folder.wav").mkdir()
    assert error_of(tmp_path / "folder.wav") == "is a folder, not an audio file; name the files in it"
    assert threading.active_count() == 1


def test_links_lead_to_files_or_nowhere(tmp_path):
    (tmp_path / "a.wav").write_bytes(WAV)
    (tmp_path / "link.wav").symlink_to("a.wav")
    assert probe(tmp_path / "link.wav").num_samples == 16000
    (tmp_path / "lost.wav").symlink_to("nowhere.wav")
    assert error_of(tmp_path / "lost.wav") == "is a link to nowhere.wav, which is not there; check the path"
    (tmp_path / "circle.wav").symlink_to("circle.wav")
    assert error_of(tmp_path / "circle.wav").startswith("cannot be read (Too many levels of symbolic links")


def test_names_that_no_file_can_have(tmp_path):
    with pytest.raises(DataError, match=r"a\\0b\.wav: has a NUL in its name; correct the path"):
        probe(tmp_path / "a\0b.wav")
    assert error_of(tmp_path / f"{300 * 'x'}.wav").startswith("cannot be read (File name too long)")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_that_may_not_be_read(tmp_path):
    (tmp_path / "a.wav").write_bytes(WAV)
    (tmp_path / "a.wav").chmod(0)
    assert error_of(tmp_path / "a.wav").startswith("cannot be read (Permission denied)")


def test_names_that_are_not_utf8(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav"))
    path.write_bytes(WAV)
    assert probe(path).num_samples == 16000
    path.write_bytes(encoded("MP3"))
    assert probe(path).num_samples == 16000


def test_a_file_that_grows_is_read_to_where_it_ended(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(WAV[:40] + bytes(4) + WAV[44:])
    assert probe(path).num_samples == 16000
    with path.open("ab") as file:
        file.write(WAV[44:])
    assert probe(path).num_samples == 32000


def test_names_with_control_characters_do_not_reach_the_terminal(tmp_path):
    path = tmp_path / "a\x1b[31m\n.wav"
    with pytest.raises(DataError) as caught:
        probe(path)
    assert str(caught.value) == f"{tmp_path}/a\\x1b[31m .wav: no such file; check the path"
