"""The archive of a model file: exactly the members that ``model.json`` declares, with their sizes and checksums."""

from __future__ import annotations

import hashlib
import json
import re
import stat
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asr.box.english import ENGLISH
from asr.checkpoints.layout import NO_FILE, Archive, LayoutError, Wanted, find_members, map_archive
from asr.errors import CheckpointError, DataError
from asr.files import written_whole
from asr.records import Record, parse_json

SCHEMA = 2
"""Increased when earlier versions can no longer read the files."""
_FORMAT = "carousel model file"
_NOT_ONE = "give a model file that asr export wrote"
AGAIN = "copy it again, or make it with: asr export"
_KIND = "is no model file of this version"

_MANIFEST = "model.json"
_PATHS = f"check the path, or give {ENGLISH}, the model in the box"
_WANTED = Wanted("a model file", ".asr", _NOT_ONE, AGAIN, is_packed=True, missing=_PATHS)
_FOREIGN = "take the file as asr export wrote it"
_NAME = re.compile(r"\w[\w.-]{0,199}(/\w[\w.-]{0,199}){0,3}", re.ASCII)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_MOST_MANIFEST = 1 << 23  # bytes
_MOST_MEMBERS = 1 << 14
_MOST_RATIO, _LEAST_LIMIT = 50, 1 << 25  # of unpacked bytes to those of the file; bytes that may always be unpacked
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_RIGHTS = (stat.S_IFREG | 0o644) << 16


class Written:
    """The members of a file to be written."""

    def __init__(self) -> None:
        """Starts without members."""
        self._members: dict[str, tuple[bytes, bool]] = {}

    def add(self, name: str, content: bytes, is_packed: bool = True) -> None:
        """Adds a member.

        Args:
            name: its name, which must be new.
            content: its content.
            is_packed: whether it is deflated, which makes weights no smaller.
        """
        assert name not in self._members
        assert _NAME.fullmatch(name)
        self._members[name] = content, is_packed

    @property
    def num_bytes(self) -> int:
        """The bytes that the members take in a file, without their names."""
        members = self._members.values()
        return sum(len(zlib.compress(content, 9) if is_packed else content) for content, is_packed in members)

    def save(self, path: str | Path, manifest: Mapping[str, Any]) -> None:
        """Writes the file, whole or not at all; equal contents give equal files.

        Args:
            path: the file.
            manifest: what ``model.json`` says about the members.

        Raises:
            DataError: the file cannot be written.
        """
        sums = {name: _sum(content) for name, (content, _) in self._members.items()}
        whole = {"format": _FORMAT, "schema": SCHEMA, **manifest, "members": sums}
        text = json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False)
        with written_whole(path) as beside, zipfile.ZipFile(beside, "w") as archive:
            for name, (content, is_packed) in {_MANIFEST: (text.encode(), True), **self._members}.items():
                info = zipfile.ZipInfo(name, _LONG_AGO)
                info.create_system, info.external_attr = 3, _RIGHTS
                method = zipfile.ZIP_DEFLATED if is_packed else zipfile.ZIP_STORED
                archive.writestr(info, content, method, compresslevel=9)


class Members:
    """The members of a file that is read.

    Attributes:
        path: the file.
        manifest: what ``model.json`` says about the members.
    """

    def __init__(self, path: str | Path) -> None:
        """Reads the manifest and checks that exactly the declared members exist, with their sizes.

        Raises:
            CheckpointError: the file is missing, damaged, malformed, of another kind or of a newer version.
            DataError: the manifest cannot be read.
        """
        self.path = Path(path)
        content, infos = map_archive(self.path, _WANTED)
        _check_kind(self.path, {info.filename for info in infos})
        try:
            self._archive = find_members(content, infos, _WANTED)
            _check_members(self._archive, infos)
            text = self._archive.unpack(_MANIFEST).decode()
        except LayoutError as error:
            raise self.foreign(str(error)) from None
        except UnicodeDecodeError:
            raise self.foreign(f"{_MANIFEST} is no text") from None
        self.manifest = self._read_manifest(text)
        self._sums = self._declared(self.manifest.record("members"))
        self._unread = set(self._sums)

    def read(self, name: str, size: int | None = None) -> bytes:
        """Returns the bytes of a member.

        Args:
            name: its name.
            size: required size in bytes; None for any.

        Raises:
            CheckpointError: it is missing, has another size or fails its checksum.
        """
        if name not in self._sums:
            raise self.foreign(f"{name} is missing")
        if size is not None and self._archive.members[name].size != size:
            raise self.foreign(f"{name} has {self._archive.members[name].size:,} bytes, not {size:,}")
        try:
            content = self._archive.unpack(name)
        except LayoutError as error:
            raise CheckpointError(self.path, f"is damaged ({error})", AGAIN) from None
        if _sum(content) != self._sums[name]:
            raise CheckpointError(self.path, f"is damaged ({name} does not have its declared checksum)", AGAIN)
        self._unread.discard(name)
        return content

    def text(self, name: str) -> str:
        """Returns a text member; see :meth:`read`."""
        try:
            return self.read(name).decode()
        except UnicodeDecodeError:
            raise self.foreign(f"{name} is no text") from None

    @property
    def names(self) -> list[str]:
        """The names of the members, in their order."""
        return list(self._sums)

    def is_packed(self, name: str) -> bool:
        """Returns whether a member is deflated."""
        return self._archive.members[name].is_deflated

    def finish(self, left: tuple[str, ...] = ()) -> None:
        """Refuses members that nothing has read.

        Args:
            left: beginnings of the names of members that may be read later.

        Raises:
            CheckpointError: the message names one.
        """
        unread = [name for name in self._unread if not name.startswith(left)]
        if unread:
            raise self.foreign(f"{min(unread)} belongs to nothing in it")

    def foreign(self, found: str) -> CheckpointError:
        """Returns the error for a file that is not as ``asr export`` writes it."""
        return CheckpointError(self.path, f"is no model file as asr export writes it ({found})", _FOREIGN)

    def _read_manifest(self, text: str) -> Record:
        if _SURROGATE.search(text):
            raise self.foreign(f"{_MANIFEST} has half of a character")
        try:
            manifest = Record.of(parse_json(text, self.path, AGAIN), self.path, _KIND, AGAIN)
        except DataError as error:
            raise self.foreign(f"{_MANIFEST} {error.found}") from None
        if manifest.text("format") != _FORMAT:
            raise manifest.error("format", repr(_FORMAT))
        schema = manifest.whole("schema", 1)
        if schema > SCHEMA:
            found = f"is of schema {schema}, and this version reads schemas up to {SCHEMA}"
            raise CheckpointError(self.path, found, "install a newer version, or export it again with this one")
        return manifest

    def _declared(self, sums: Record) -> dict[str, list[Any]]:
        there = set(self._archive.members) - {_MANIFEST}
        for name in sums.fields:
            found = sums.items(name)
            if name not in there:
                raise self.foreign(f"{name[:200]} is missing")
            if len(found) != 2 or found[0] != self._archive.members[name].size or not isinstance(found[1], str):
                raise self.foreign(f"{name} does not have its declared size")
        undeclared = there.difference(sums.fields)
        if undeclared:
            raise self.foreign(f"{min(undeclared)} is not declared")
        return dict(sums.fields)


def is_model_file(path: str | Path) -> bool:
    """Returns whether a file, intact or not, is meant to be a model file.

    It is by its suffix or its manifest, or by the name of the model in the box; a name without a suffix that no file
    has is taken for a slip of that name.
    """
    if path == ENGLISH or Path(path).suffix == _WANTED.ending:
        return True
    try:
        _, infos = map_archive(Path(path), _WANTED)
    except CheckpointError as error:
        return error.found == NO_FILE and not Path(path).suffix
    return any(info.filename == _MANIFEST for info in infos)


def _check_kind(path: Path, names: set[str]) -> None:
    if _MANIFEST in names:
        return
    if any(name.endswith("/data.pkl") for name in names):
        raise CheckpointError(path, "is a checkpoint, not a model file", "make one of it with: asr export")
    raise CheckpointError(path, "is a zip archive but not a model file", _NOT_ONE)


def _check_members(archive: Archive, infos: list[zipfile.ZipInfo]) -> None:
    """Refuses names, types and sizes that no member may have, before anything is unpacked."""
    if len(infos) > _MOST_MEMBERS:
        raise LayoutError(f"it has {len(infos):,} members")
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if not _NAME.fullmatch(info.filename) or ".." in info.filename:
            raise LayoutError(f"{info.filename[:200]!r} is no name of a member")
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
            raise LayoutError(f"{info.filename} is a link or a device")
        if info.header_offset != end:
            raise LayoutError(f"something lies before {info.filename}")
        member = archive.members[info.filename]
        end = member.offset + member.stored_size
    sizes = {name: member.size for name, member in archive.members.items()}
    if sizes[_MANIFEST] > _MOST_MANIFEST:
        raise LayoutError(f"{_MANIFEST} would unpack to {sizes[_MANIFEST]:,} bytes")
    if sum(sizes.values()) > max(_LEAST_LIMIT, _MOST_RATIO * len(archive.content)):
        raise LayoutError(f"it would unpack to {sum(sizes.values()):,} bytes out of {len(archive.content):,}")


def _sum(content: bytes) -> list[Any]:
    return [len(content), hashlib.sha256(content).hexdigest()]
