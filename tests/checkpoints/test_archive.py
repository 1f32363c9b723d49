"""Archives that zip readers disagree about, or that are not what they were when their sums were taken."""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from asr.checkpoints.acoustic import load_checkpoint
from asr.checkpoints.archive import read_archive
from asr.errors import CheckpointError
from tests.transcription.tiny_models import save_checkpoint

SIZE, PLACE = 24, 42  # of a size and of a place, in an entry of the directory
PACKED = 20


def refused(path: Path) -> str:
    """Returns the one line that a checkpoint is refused with."""
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{path}: ")


def repacked(
    path: Path, *, method: int = zipfile.ZIP_STORED, names: Callable[[str], str] = str, more: str = ""
) -> Path:
    """Packs a checkpoint anew, as another program does."""
    target = path.with_name("repacked.ckpt")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w", method) as new:
        for name in old.namelist():
            new.writestr(names(name), old.read(name))
        if more:
            new.writestr(more, b"more")
    return target


class Patched:
    """The bytes of a checkpoint, with what the directory says of a member within reach."""

    def __init__(self, path: Path) -> None:
        self.bytes = bytearray(path.read_bytes())
        with zipfile.ZipFile(path) as archive:
            self.infos = {info.filename.partition("/")[2]: info for info in archive.infolist()}
            self.directory = archive.start_dir

    def entry(self, name: str) -> int:
        """Returns where a member's entry in the directory begins."""
        return self.bytes.index(self.infos[name].filename.encode(), self.directory) - 46

    def put(self, place: int, form: str, value: int) -> None:
        struct.pack_into(form, self.bytes, place, value)

    def save(self, path: Path) -> Path:
        path.write_bytes(self.bytes)
        return path


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return save_checkpoint(tmp_path / "whole.ckpt")


def test_members_are_where_torch_says_they_are(whole: Path) -> None:
    reader = torch._C.PyTorchFileReader(str(whole))
    members = read_archive(whole).members
    assert set(reader.get_all_records()) <= set(members)
    assert all(reader.get_record_offset(name) == members[name].offset for name in reader.get_all_records())
    assert all(reader.get_record(name) == read_archive(whole).read(name) for name in reader.get_all_records())


def test_packed_anew_but_stored_is_read_with_the_same_weights(whole: Path) -> None:
    expected = load_checkpoint(whole).model.state_dict()
    again = load_checkpoint(repacked(whole)).model.state_dict()
    assert all(torch.equal(again[name], value) for name, value in expected.items())


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressed(whole: Path, method: int) -> None:
    message = refused(repacked(whole, method=method))
    assert message.startswith("is no checkpoint as torch writes it (whole/data.pkl is compressed); take the file as")


def test_one_member_compressed_and_the_rest_not(whole: Path) -> None:
    target = whole.with_name("one.ckpt")
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name), zipfile.ZIP_DEFLATED if name.endswith("data/3") else zipfile.ZIP_STORED)
    assert "(whole/data/3 is compressed)" in refused(target)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["whole/data/0", "whole/DATA/0", "whole/Data.pkl"])
def test_a_name_twice_for_readers_that_do_and_do_not_look_at_case(whole: Path, name: str) -> None:
    assert f"({name.lower()} is in it twice)" in refused(repacked(whole, more=name))


def test_members_outside_of_the_folder(whole: Path) -> None:
    assert "(other/data/0 lies outside of whole/)" in refused(repacked(whole, more="other/data/0"))
    assert "is a zip archive but not a checkpoint" in refused(repacked(whole, names=lambda name: f"below/{name}"))


def test_something_before_and_behind(whole: Path) -> None:
    content = whole.read_bytes()
    whole.write_bytes(b"#!/bin/sh\n" + content)
    assert "(its end is said to be elsewhere)" in refused(whole)
    whole.write_bytes(content[:-2] + struct.pack("<H", 4) + b"more")
    assert "(something follows the archive)" in refused(whole)


@pytest.mark.parametrize(
    ("place", "form", "value", "message"),
    [
        (-22 + 10, "<H", 3, "two ends that contradict"),
        (-22 + 16, "<L", 100, "two ends that contradict"),
        (-42 + 8, "<Q", 100, "its end is said to be elsewhere"),
        (-42 + 16, "<L", 2, "its end is said to be elsewhere"),
        (-98 + 4, "<Q", 60, "its end cannot be read"),
        (-98 + 16, "<L", 1, "does not end where the archive does"),
    ],
)
def test_ends_of_the_archive_that_readers_take_differently(
    whole: Path, place: int, form: str, value: int, message: str
) -> None:
    patched = Patched(whole)
    patched.put(len(patched.bytes) + place, form, value)
    found = refused(patched.save(whole))
    assert message in found or found.startswith("is damaged"), found


def test_a_member_that_the_directory_puts_elsewhere(whole: Path) -> None:
    patched = Patched(whole)
    for one, other in (("data/0", "data/1"), ("data/1", "data/0")):
        patched.put(patched.entry(one) + PLACE, "<L", patched.infos[other].header_offset)
    assert "data/0 is described in two ways" in refused(patched.save(whole))


def test_two_members_in_one_place(whole: Path) -> None:
    patched = Patched(whole)
    other, size = patched.infos["data/2"], patched.infos["data/2"].file_size
    entry = patched.entry("data/1")
    patched.put(entry + PLACE, "<L", other.header_offset)
    patched.bytes[entry + 46 : entry + 46 + len(other.filename)] = other.filename.encode()
    patched.put(entry + 16, "<L", other.CRC)
    patched.put(entry + PACKED, "<L", size)
    patched.put(entry + SIZE, "<L", size)
    assert "(whole/data/2 is in it twice)" in refused(patched.save(whole))


def test_a_member_that_reaches_into_the_next(whole: Path) -> None:
    patched = Patched(whole)
    size = patched.infos["data/0"].file_size + 1000
    for place in (PACKED, SIZE):
        patched.put(patched.entry("data/0") + place, "<L", size)
    assert "(whole/data/0 overlaps with what follows it)" in refused(patched.save(whole))


def test_sizes_packed_and_unpacked_that_differ(whole: Path) -> None:
    patched = Patched(whole)
    patched.put(patched.entry("data/0") + SIZE, "<L", patched.infos["data/0"].file_size + 4)
    assert "(whole/data/0 is compressed)" in refused(patched.save(whole))


@pytest.mark.parametrize(
    ("place", "form", "value", "message"),
    [
        (0, "<B", 0x51, "described in two ways"),  # its signature
        (6, "<H", 0x800, "described in two ways"),  # flags that the directory has otherwise
        (8, "<H", zipfile.ZIP_DEFLATED, "described in two ways"),
        (18, "<L", 5, "described in two ways"),  # a size of its own
        (28, "<H", 0, "is damaged"),  # no extra field, so that its bytes begin earlier
        (30, "<B", ord("v"), "described in two ways"),  # another name
    ],
)
def test_headers_that_contradict_the_directory(whole: Path, place: int, form: str, value: int, message: str) -> None:
    patched = Patched(whole)
    patched.put(patched.infos["data/0"].header_offset + place, form, value)
    assert message in refused(patched.save(whole))


def test_encrypted_and_outside_of_the_file(whole: Path) -> None:
    patched = Patched(whole)
    patched.put(patched.entry("data/0") + 8, "<H", 0x809)
    assert "(whole/data/0 is encrypted)" in refused(patched.save(whole.with_name("a.ckpt")))
    patched = Patched(whole)
    patched.put(patched.entry("data/0") + PLACE, "<L", 0x7FFFFFFF)
    assert "(whole/data/0 lies outside of the file)" in refused(patched.save(whole.with_name("b.ckpt")))


def test_a_name_that_ends_at_a_zero_for_some(whole: Path) -> None:
    patched = Patched(whole)
    name = patched.infos["data/0"].filename.encode()
    for place in (patched.infos["data/0"].header_offset + 30, patched.entry("data/0") + 46):
        patched.bytes[place : place + len(name)] = name[:-1] + b"\0"
    assert "described in two ways" in refused(patched.save(whole))


@pytest.mark.parametrize("name", ["data.pkl", "data/0", "byteorder", "version"])
def test_every_byte_is_under_a_sum(whole: Path, name: str) -> None:
    patched = Patched(whole)
    member = read_archive(whole).members[name]
    patched.bytes[member.offset + member.size // 2] ^= 0x10
    assert refused(patched.save(whole)) == f"is damaged (whole/{name}); copy it again, or take an earlier checkpoint"


@pytest.mark.parametrize("order", [b"big", b"middle", b""])
def test_another_order_of_bytes(whole: Path, order: bytes) -> None:
    target = whole.with_name("big.ckpt")
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, order if name.endswith("byteorder") else old.read(name))
    assert "numbers in the byte order of another kind of machine" in refused(target)


def test_an_archive_of_nothing(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.ckpt", "w"):
        pass
    assert refused(tmp_path / "a.ckpt").startswith("is a zip archive but not a checkpoint")


def test_without_a_mark_of_byte_order_and_with_members_that_lie_oddly(whole: Path) -> None:
    expected = load_checkpoint(whole).model.state_dict()
    for shift in range(1, 5):  # names of another length move all numbers
        target = whole.with_name("odd.ckpt")
        with zipfile.ZipFile(whole) as old, zipfile.ZipFile(target, "w") as new:
            for name in old.namelist():
                if not name.endswith("byteorder"):
                    new.writestr(name.replace("whole", "w" * shift), old.read(name))
        again = load_checkpoint(target).model.state_dict()
        assert all(torch.equal(again[name], value) for name, value in expected.items())


def test_a_path_that_no_system_takes(tmp_path: Path) -> None:
    assert refused(tmp_path / ("a" * 300)).startswith("cannot be read (File name too long)")


def test_pipes_and_devices_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.ckpt")
    assert refused(tmp_path / "a.ckpt").startswith("is a pipe or a device")
    assert refused(Path("/dev/zero")).startswith("is a pipe or a device")
