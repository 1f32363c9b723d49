"""The bytes of an audio file: opened with errors that name it, read at any place, shown to a decoder piece by piece."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple
from unicodedata import normalize

from asr.errors import DataError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_WINDOW = 1 << 16  # bytes that are read at a time
_BLOCK = 1 << 20  # the same, where all of a file is looked through
_OTHER_KINDS = (
    (stat.S_ISFIFO, "is a pipe, not a file", "save what comes out of it as a file"),
    (stat.S_ISSOCK, "is a socket, not a file", "check the path"),
    (stat.S_ISCHR, "is a device, not a file", "check the path"),
    (stat.S_ISBLK, "is a device, not a file", "check the path"),
)


class Range(NamedTuple):
    """A stretch of a file, in bytes."""

    start: int
    stop: int


class Bytes:
    """The bytes of a file, read at any place."""

    def __init__(self, file: BinaryIO) -> None:
        """Takes a file that is open for reading; its position is moved."""
        self._file = file
        self.size = file.seek(0, os.SEEK_END)
        self._start, self._window = 0, b""

    def at(self, position: int, count: int) -> bytes:
        """Returns bytes from ``position``; fewer at the end of the file, none outside of it."""
        if not 0 <= position < self.size:
            return b""
        begin = position - self._start
        if begin < 0 or begin + count > len(self._window):
            self._file.seek(position)
            self._start, self._window, begin = position, self._file.read(max(count, _WINDOW)), 0
        return self._window[begin : begin + count]

    def number(self, position: int, count: int, order: str = "little") -> int:
        """Returns the unsigned number of ``count`` bytes that stands at ``position``."""
        return int.from_bytes(self.at(position, count), "big" if order == "big" else "little")

    def find(self, wanted: bytes, start: int, stop: int) -> int:
        """Returns the first place of ``wanted`` within ``start`` to ``stop``, or -1."""
        tail = b""
        for block in self.blocks(start, stop):
            if (place := (tail + block).find(wanted)) >= 0:
                return start + place - len(tail)
            start += len(block)
            tail = (tail + block)[1 - len(wanted) :]
        return -1

    def blocks(self, start: int, stop: int | None = None) -> Iterator[bytes]:
        """Yields all bytes from ``start`` to ``stop``, or to the end of the file, block by block."""
        stop = self.size if stop is None else stop
        while start < stop and (block := self.at(start, min(_BLOCK, stop - start))):
            yield block
            start += len(block)


class View(io.RawIOBase):
    """A file made of stretches of another file and of other bytes, as a decoder is to see it.

    Args:
        file: the file that ranges are of.
        parts: what follows one another.
        claimed_size: where this is more than the parts have, the view says that it is so long. Reading ends where
            the parts end; of the rest only the last 128 bytes are there, zeros, as mpg123 looks there for tags.
    """

    def __init__(self, file: BinaryIO, parts: Sequence[bytes | Range], claimed_size: int = 0) -> None:
        self._file = file
        self._parts = parts
        self._starts = [0]
        for part in parts:
            self._starts.append(self._starts[-1] + (part.stop - part.start if isinstance(part, Range) else len(part)))
        self._size = max(claimed_size, self._starts[-1])
        self._position = 0

    def readable(self) -> bool:
        """Says that it can be read."""
        return True

    def seekable(self) -> bool:
        """Says that it can be read at any place."""
        return True

    def tell(self) -> int:
        """Returns the place of the next byte."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Moves to a place; before the start, where damaged files send a decoder, there is only the start."""
        self._position = max(0, offset + (0, self._position, self._size)[whence])
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fills a buffer, as libsndfile expects it, unless the parts end; returns the number of bytes."""
        target = memoryview(buffer).cast("B")
        data = self.read(len(target))
        target[: len(data)] = data
        return len(data)

    def read(self, size: int = -1) -> bytes:
        """Reads until ``size`` bytes are there, or the parts end."""
        blocks = []
        size = self._size if size < 0 else size
        while size > 0 and (block := self._next(size)):
            blocks.append(block)
            self._position += len(block)
            size -= len(block)
        return b"".join(blocks)

    def _next(self, size: int) -> bytes:
        if self._position >= self._starts[-1]:
            left = self._size - self._position
            return bytes(min(size, left)) if self._size > self._starts[-1] and 0 < left <= 128 else b""
        index = next(index for index, start in enumerate(self._starts[1:]) if self._position < start)
        part, offset = self._parts[index], self._position - self._starts[index]
        if not isinstance(part, Range):
            return part[offset : offset + size]
        self._file.seek(part.start + offset)
        return self._file.read(min(size, part.stop - part.start - offset))


def find_file(path: Path) -> Path:
    """Returns the path under which a file lies on the disk where Unicode spells its name in two ways.

    A list from one computer may have ``é`` as one character and the disk of another as two. A path that is there, or
    nowhere, comes back as it is.
    """
    if os.path.lexists(path) or str(path).isascii():
        return path
    for form in ("NFC", "NFD"):
        other = Path(normalize(form, str(path)))
        if os.path.lexists(other):
            return other
    found = Path(path.anchor)
    for part in path.relative_to(path.anchor).parts:
        found = _child(found, part)
    return found if os.path.lexists(found) else path


def _child(folder: Path, name: str) -> Path:
    if not os.path.lexists(folder / name):
        try:
            for other in os.listdir(folder):  # noqa: PTH208 - names only
                if normalize("NFC", other) == normalize("NFC", name):
                    return folder / other
        except OSError:
            pass  # the whole path is not there, which the caller finds out
    return folder / name


@contextmanager
def open_file(path: Path, stored: bytes | None = None) -> Iterator[BinaryIO]:
    """Opens an audio file, or its bytes where they lie in an archive.

    Raises:
        DataError: the file is missing, empty, no regular file, or may not be read.
    """
    if stored is not None:
        yield io.BytesIO(stored)
        return
    try:
        file = _open(path)
    except FileNotFoundError:
        found = f"is a link to {path.readlink()}, which is not there" if path.is_symlink() else "no such file"
        raise DataError(path, found, "check the path") from None
    except IsADirectoryError:
        raise DataError(path, "is a folder, not an audio file", "name the files in it") from None
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})", "check the file and its rights") from None
    except ValueError:
        raise DataError(str(path).replace("\0", "\\0"), "has a NUL in its name", "correct the path") from None
    with file:
        yield file


def _open(path: Path) -> BinaryIO:
    path = find_file(path)
    mode = path.stat().st_mode
    for is_kind, found, remedy in _OTHER_KINDS:
        if is_kind(mode):
            raise DataError(path, found, remedy)
    if stat.S_ISDIR(mode):
        os.scandir(path).close()  # raises the error of a folder that may not be read
    return path.open("rb")
