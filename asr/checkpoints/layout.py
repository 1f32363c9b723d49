"""The layout of zip archives, read only if every reader of zip files would see the same members."""

from __future__ import annotations

import mmap
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from asr.errors import CheckpointError

NO_FILE = "no such file"
_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCAL = struct.Struct("<4s5H3L2H")
_ENCRYPTED, _SIZES_FOLLOW, _UTF_8 = 0x1, 0x8, 0x800  # bits of a member's flags


@dataclass(frozen=True)
class Wanted:
    """The expected kind of file, for the error message about another one.

    Attributes:
        name: the kind with its article, such as "a checkpoint".
        ending: suffix of such files.
        remedy: what to do about a file of another kind.
        again: what to do about a damaged one.
        is_packed: whether members may be deflated.
        missing: what to do about a path without a file.
    """

    name: str
    ending: str
    remedy: str
    again: str
    is_packed: bool = False
    missing: str = "check the path"


@dataclass(frozen=True)
class Member:
    """The position of a member's bytes.

    Attributes:
        offset: of the first byte.
        size: unpacked, in bytes.
        stored_size: bytes in the file.
        crc: checksum of the unpacked bytes.
        is_deflated: whether the bytes are packed.
    """

    offset: int
    size: int
    stored_size: int
    crc: int
    is_deflated: bool = False


@dataclass(frozen=True, eq=False)
class Archive:
    """A whole archive.

    Attributes:
        content: all bytes of the file, mapped into memory; writing to it never changes the file.
        members: by name.
    """

    content: mmap.mmap
    members: dict[str, Member]

    def read(self, name: str) -> bytes:
        """Returns the bytes of a member that is not packed."""
        member = self.members[name]
        return self.content[member.offset : member.offset + member.size]

    def unpack(self, name: str) -> bytes:
        """Returns the bytes of a member, of its declared size and checksum.

        Raises:
            LayoutError: size or checksum differ.
        """
        member = self.members[name]
        with memoryview(self.content) as view, view[member.offset : member.offset + member.stored_size] as part:
            unpacked = _inflate(part, member.size) if member.is_deflated else bytes(part)
        if unpacked is None or zlib.crc32(unpacked) != member.crc:
            raise LayoutError(f"{name} does not have its checksum")
        return unpacked

    def has_checksum(self, name: str) -> bool:
        """Returns whether a member that is not packed has its recorded checksum."""
        member = self.members[name]
        with memoryview(self.content) as view, view[member.offset : member.offset + member.size] as part:
            return zlib.crc32(part) == member.crc


class LayoutError(Exception):
    """The archive can be read, but different readers would see different things in it."""


def map_archive(path: Path, wanted: Wanted) -> tuple[mmap.mmap, list[zipfile.ZipInfo]]:
    """Maps a zip archive into memory and reads its directory.

    Raises:
        CheckpointError: the file is missing, damaged or of another kind.
    """
    _check_file(path, wanted)
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except Exception as error:  # zipfile fails on damage wherever it is: names, sizes, flags
        raise CheckpointError(path, f"is damaged ({str(error)[:200]})", wanted.again) from None
    try:
        with path.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY), infos
    except OSError as error:
        raise CheckpointError(path, f"cannot be read ({error.strerror})", "check the file and its rights") from None


def find_members(content: mmap.mmap, infos: list[zipfile.ZipInfo], wanted: Wanted) -> Archive:
    """Returns the archive with its members in the order of the directory.

    Readers of zip files disagree about unusual layouts: which of two members of one name counts, or where the bytes of
    an overlapping or compressed member are. Such archives are refused, so that only one reading is possible.

    Raises:
        LayoutError: the archive has an unusual layout.
    """
    return Archive(content, dict(_members(content, infos, wanted.is_packed)))


def _inflate(packed: memoryview, size: int) -> bytes | None:
    """Returns ``size`` unpacked bytes, None if there are more or fewer; never takes memory for more."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        unpacked = stream.decompress(packed, size) if size else b""
        rest = stream.decompress(stream.unconsumed_tail if size else packed, 1)
    except zlib.error:
        return None
    return unpacked if len(unpacked) == size and not rest and stream.eof and not stream.unused_data else None


def _check_file(path: Path, wanted: Wanted) -> None:
    """Raises an error that says what is wrong with a file that is not a zip archive."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise CheckpointError(path, "is a folder", f"name the {wanted.ending} file in it")
        if not stat.S_ISREG(mode):
            raise CheckpointError(path, "is a pipe or a device, not a file", "save it to a file first")
        with path.open("rb") as file:
            head = file.read(4)
    except FileNotFoundError:
        raise CheckpointError(path, NO_FILE, wanted.missing) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CheckpointError(path, f"cannot be read ({reason})", "check the file and its rights") from None
    if not head:
        raise CheckpointError(path, "is empty (0 bytes)", wanted.again)
    try:
        is_archive = zipfile.is_zipfile(path)
    except zipfile.BadZipFile:
        is_archive = True  # whose end is damaged
    if not is_archive:
        if head == b"PK\x03\x04":
            raise CheckpointError(path, "is truncated: its end is missing", wanted.again)
        raise CheckpointError(path, f"is not {wanted.name}", wanted.remedy)


def _members(content: mmap.mmap, infos: list[zipfile.ZipInfo], is_packed: bool) -> Iterator[tuple[str, Member]]:
    """Yields the members in the order of the directory."""
    directory = _directory(content, len(infos))
    begins = sorted(info.header_offset for info in infos)
    room = dict(zip(begins, [*begins[1:], directory], strict=True))
    doubled = [name for name, count in Counter(info.filename.lower() for info in infos).items() if count > 1]
    if doubled:
        raise LayoutError(f"{doubled[0]} is in it twice")
    for info in infos:
        member = _member(content, info, is_packed)
        if member.offset + member.stored_size > room[info.header_offset]:
            raise LayoutError(f"{info.filename} overlaps with what follows it")
        yield info.filename, member


def _directory(content: mmap.mmap, num_members: int) -> int:
    """Returns where the directory of members begins: it ends where the record of the archive's end begins."""
    end = len(content) - _END.size
    signature, *disks, on_disk, in_all, size, offset, comment = _END.unpack_from(content, end)
    if signature != b"PK\x05\x06" or comment:
        raise LayoutError("something follows the archive")
    if end >= _LOCATOR.size and content[end - _LOCATOR.size :].startswith(b"PK\x06\x07"):
        _, disk, place, num_disks = _LOCATOR.unpack_from(content, end - _LOCATOR.size)
        end -= _LOCATOR.size + _END_64.size
        if end < 0 or place != end or disk or num_disks != 1:
            raise LayoutError("its end is said to be elsewhere")
        short = ((on_disk, 0xFFFF), (in_all, 0xFFFF), (size, 0xFFFFFFFF), (offset, 0xFFFFFFFF))
        signature, length, _, _, *disks, on_disk, in_all, size, offset = _END_64.unpack_from(content, end)
        if signature != b"PK\x06\x06" or length != _END_64.size - 12:
            raise LayoutError("its end cannot be read")
        pairs = zip(short, (on_disk, in_all, size, offset), strict=True)
        if any(value not in (known, limit) for (value, limit), known in pairs):
            raise LayoutError("it has two ends that contradict each other")
    if any(disks) or on_disk != num_members or in_all != num_members or offset + size != end:
        raise LayoutError("its directory does not end where the archive does")
    return int(offset)


def _member(content: mmap.mmap, info: zipfile.ZipInfo, is_packed: bool) -> Member:
    """Returns the position of a member, whose own header must agree with the directory."""
    is_deflated = is_packed and info.compress_type == zipfile.ZIP_DEFLATED
    if not is_deflated and (info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size):
        raise LayoutError(f"{info.filename} is compressed")
    if info.flag_bits & _ENCRYPTED:
        raise LayoutError(f"{info.filename} is encrypted")
    begin = info.header_offset + _LOCAL.size
    if info.header_offset < 0 or begin > len(content):
        raise LayoutError(f"{info.filename} lies outside of the file")
    signature, _, flags, method, *_, crc, packed, size, name_length, extra_length = _LOCAL.unpack_from(
        content, info.header_offset
    )
    name = info.orig_filename.encode("utf-8" if info.flag_bits & _UTF_8 else "cp437")
    known = {(info.CRC, info.compress_size, info.file_size)} | ({(0, 0, 0)} if flags & _SIZES_FOLLOW else set())
    known |= {(sum_, 0xFFFFFFFF, 0xFFFFFFFF) for sum_, *_ in known}  # a large member has its sizes in an extra field
    if (
        (signature, flags, method) != (b"PK\x03\x04", info.flag_bits, info.compress_type)
        or content[begin : begin + name_length] != name
        or info.orig_filename != info.filename
        or (crc, packed, size) not in known
    ):
        raise LayoutError(f"{info.filename} is described in two ways")
    offset = begin + name_length + extra_length
    return Member(offset, info.file_size, info.compress_size, info.CRC, is_deflated)
