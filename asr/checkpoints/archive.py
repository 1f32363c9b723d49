"""The zip archive of a checkpoint, read only if every reader of zip files would see the same members."""

from __future__ import annotations

import mmap
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from asr.errors import CheckpointError

NOT_ONE = "give a checkpoint that asr train wrote, such as best.ckpt"
_COPY = "copy it again, or take an earlier checkpoint"
_REPACKED = "take the file as asr train wrote it: another program has packed this one anew"

_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCAL = struct.Struct("<4s5H3L2H")
_ENCRYPTED, _SIZES_FOLLOW, _UTF_8 = 0x1, 0x8, 0x800  # bits of a member's flags


@dataclass(frozen=True)
class Member:
    """The position of a member's bytes.

    Attributes:
        offset: of the first byte.
        size: in bytes.
    """

    offset: int
    size: int


@dataclass(frozen=True, eq=False)
class Archive:
    """A whole archive.

    Attributes:
        content: all bytes of the file, mapped into memory; writing to it never changes the file.
        members: by name, without their common folder.
    """

    content: mmap.mmap
    members: Mapping[str, Member]

    def read(self, name: str) -> bytes:
        """Returns the bytes of a member."""
        member = self.members[name]
        return self.content[member.offset : member.offset + member.size]


class _LayoutError(Exception):
    """The archive is complete but has a layout that torch never writes."""


def read_archive(path: str | Path) -> Archive:
    """Maps a file into memory and checks that it is a zip archive as written by torch.

    Readers of zip files disagree about unusual layouts: which of two members of one name counts, or where the bytes of
    an overlapping or compressed member are. Such archives are refused, so that only one reading is possible; and every
    member must have its recorded checksum.

    Raises:
        CheckpointError: the file is missing, damaged, of another kind, or repacked by another program.
    """
    path = Path(path)
    _check_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except Exception as error:  # zipfile fails on damage wherever it is: names, sizes, flags
        raise CheckpointError(path, f"is damaged ({str(error)[:200]})", _COPY) from None
    if not any(info.filename.endswith("/data.pkl") for info in infos):
        raise CheckpointError(path, "is a zip archive but not a checkpoint", NOT_ONE)
    try:
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        members = dict(_members(content, infos))
    except OSError as error:
        raise CheckpointError(path, f"cannot be read ({error.strerror})", "check the file and its rights") from None
    except _LayoutError as error:
        raise CheckpointError(path, f"is no checkpoint as torch writes it ({error})", _REPACKED) from None
    damaged = [info.filename for info in infos if _sum(content, members[info.filename]) != info.CRC]
    if damaged:
        raise CheckpointError(path, f"is damaged ({damaged[0]})", _COPY)
    return Archive(content, _without_folder(path, members))


def _check_file(path: Path) -> None:
    """Raises an error that says what is wrong with a file that is not a zip archive."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise CheckpointError(path, "is a folder", "name the .ckpt file in it")
        if not stat.S_ISREG(mode):
            raise CheckpointError(path, "is a pipe or a device, not a file", "save it to a file first")
        with path.open("rb") as file:
            head = file.read(4)
    except FileNotFoundError:
        raise CheckpointError(path, "no such file", "check the path") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(path, f"cannot be read ({reason})", "check the file and its rights") from None
    if not head:
        raise CheckpointError(path, "is empty (0 bytes)", _COPY)
    try:
        is_archive = zipfile.is_zipfile(path)
    except zipfile.BadZipFile:
        is_archive = True  # whose end is damaged
    if not is_archive:
        if head == b"PK\x03\x04":
            raise CheckpointError(path, "is truncated: its end is missing", "copy it again, or take an earlier one")
        raise CheckpointError(path, "is not a checkpoint", NOT_ONE)


def _members(content: mmap.mmap, infos: list[zipfile.ZipInfo]) -> Iterator[tuple[str, Member]]:
    """Yields the members in the order of the directory."""
    directory = _directory(content, len(infos))
    begins = sorted(info.header_offset for info in infos)
    room = dict(zip(begins, [*begins[1:], directory], strict=True))
    doubled = [name for name, count in Counter(info.filename.lower() for info in infos).items() if count > 1]
    if doubled:
        raise _LayoutError(f"{doubled[0]} is in it twice")
    for info in infos:
        member = _member(content, info)
        if member.offset + member.size > room[info.header_offset]:
            raise _LayoutError(f"{info.filename} overlaps with what follows it")
        yield info.filename, member


def _directory(content: mmap.mmap, num_members: int) -> int:
    """Returns where the directory of members begins: it ends where the record of the archive's end begins."""
    end = len(content) - _END.size
    signature, *disks, on_disk, in_all, size, offset, comment = _END.unpack_from(content, end)
    if signature != b"PK\x05\x06" or comment:
        raise _LayoutError("something follows the archive")
    if end >= _LOCATOR.size and content[end - _LOCATOR.size :].startswith(b"PK\x06\x07"):
        _, disk, place, num_disks = _LOCATOR.unpack_from(content, end - _LOCATOR.size)
        end -= _LOCATOR.size + _END_64.size
        if end < 0 or place != end or disk or num_disks != 1:
            raise _LayoutError("its end is said to be elsewhere")
        short = ((on_disk, 0xFFFF), (in_all, 0xFFFF), (size, 0xFFFFFFFF), (offset, 0xFFFFFFFF))
        signature, length, _, _, *disks, on_disk, in_all, size, offset = _END_64.unpack_from(content, end)
        if signature != b"PK\x06\x06" or length != _END_64.size - 12:
            raise _LayoutError("its end cannot be read")
        pairs = zip(short, (on_disk, in_all, size, offset), strict=True)
        if any(value not in (known, limit) for (value, limit), known in pairs):
            raise _LayoutError("it has two ends that contradict each other")
    if any(disks) or on_disk != num_members or in_all != num_members or offset + size != end:
        raise _LayoutError("its directory does not end where the archive does")
    return int(offset)


def _member(content: mmap.mmap, info: zipfile.ZipInfo) -> Member:
    """Returns the position of a member, whose own header must agree with the directory."""
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
        raise _LayoutError(f"{info.filename} is compressed")
    if info.flag_bits & _ENCRYPTED:
        raise _LayoutError(f"{info.filename} is encrypted")
    begin = info.header_offset + _LOCAL.size
    if info.header_offset < 0 or begin > len(content):
        raise _LayoutError(f"{info.filename} lies outside of the file")
    signature, _, flags, method, *_, crc, packed, size, name_length, extra_length = _LOCAL.unpack_from(
        content, info.header_offset
    )
    name = info.orig_filename.encode("utf-8" if info.flag_bits & _UTF_8 else "cp437")
    known = {(info.CRC, info.file_size, info.file_size)} | ({(0, 0, 0)} if flags & _SIZES_FOLLOW else set())
    known |= {(sum_, 0xFFFFFFFF, 0xFFFFFFFF) for sum_, *_ in known}  # a large member has its sizes in an extra field
    if (
        (signature, flags, method) != (b"PK\x03\x04", info.flag_bits, zipfile.ZIP_STORED)
        or content[begin : begin + name_length] != name
        or info.orig_filename != info.filename
        or (crc, packed, size) not in known
    ):
        raise _LayoutError(f"{info.filename} is described in two ways")
    return Member(begin + name_length + extra_length, info.file_size)


def _sum(content: mmap.mmap, member: Member) -> int:
    with memoryview(content) as view, view[member.offset : member.offset + member.size] as part:
        return zlib.crc32(part)


def _without_folder(path: Path, members: Mapping[str, Member]) -> dict[str, Member]:
    """Strips the folder that torch puts all members into."""
    folder = next(iter(members), "").partition("/")[0] + "/"
    if f"{folder}data.pkl" not in members:
        raise CheckpointError(path, "is a zip archive but not a checkpoint", NOT_ONE)
    outside = [name for name in members if not name.startswith(folder)]
    if outside:
        raise CheckpointError(
            path, f"is no checkpoint as torch writes it ({outside[0]} lies outside of {folder})", _REPACKED
        )
    return {name.removeprefix(folder): member for name, member in members.items()}
