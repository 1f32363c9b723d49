"""Files: read, compressed or not, with errors that name them; written whole or not at all."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from asr.errors import DataError

_CONVERT = "convert the file, for example with: iconv -t UTF-8"
_BUFFER = 1 << 17  # bytes that are read at a time
_LONGEST_LINE = 1 << 28  # bytes; one that is longer is no line, and would fill the memory
_SMALL, _LARGEST_RATIO = 1 << 26, 200  # bytes that any archive may unpack to, and how many times its size beyond that
_LONGEST_NAME = 255  # bytes of a file's name, on nearly all file systems
_LONGEST_ENDING = 20  # bytes after the last dot that count as an ending


@contextmanager
def open_lines(path: str | Path) -> Iterator[BinaryIO]:
    """Opens a file for reading bytes, through gzip if its name ends in ``.gz``.

    Raises:
        DataError: the file is missing or damaged, a named pipe, or unpacks to far more than texts do, also where that
            shows while it is read.
    """
    path = Path(path)
    try:
        if stat.S_ISFIFO(path.stat().st_mode) and path.parts[1:2] not in (("dev",), ("proc",)):  # <(…) of a shell
            raise DataError(path, "is a pipe that may never end", "save what comes out of it as a file")
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rb") as raw, io.BufferedReader(_Watched(path, cast(BinaryIO, raw)), _BUFFER) as lines:
            yield cast(BinaryIO, lines)
    except FileNotFoundError:
        raise DataError(path, "no such file", "check the path") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise DataError(path, "is no whole gzip file", "make or copy it again") from None
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror or error})", "check the path") from None
    except ValueError as error:
        if "null byte" not in str(error):
            raise
        raise DataError(str(path).replace("\0", "\\0"), "has a NUL in its name", "correct the path") from None


class _Watched(io.RawIOBase):
    """Passes on what is read, and stops where a line or what an archive holds grows beyond all measure."""

    def __init__(self, path: Path, source: BinaryIO) -> None:
        self._path, self._source = path, source
        self._line = self._total = 0
        is_packed = path.suffix == ".gz"
        self._limit = max(_SMALL, _LARGEST_RATIO * path.stat().st_size) if is_packed else None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._source.seekable()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._line = self._total = 0
        return self._source.seek(offset, whence)

    def readinto(self, buffer: object) -> int:
        target = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        data = self._source.read(len(target))
        target[: len(data)] = data
        self._total += len(data)
        newline = data.rfind(b"\n")
        self._line = self._line + len(data) if newline < 0 else len(data) - newline
        if self._line > _LONGEST_LINE:
            raise DataError(self._path, f"has a line of more than {_LONGEST_LINE:,} bytes", "check what it is")
        if self._limit is not None and self._total > self._limit:
            found = f"unpacks to more than {self._limit:,} bytes, {_LARGEST_RATIO} times its own size"
            raise DataError(self._path, found, "unpack it, if it is meant to")
        return len(data)


@contextmanager
def open_text(path: str | Path) -> Iterator[TextIO]:
    """Opens a UTF-8 text for reading as :func:`open_lines` does; a byte-order mark is skipped, line ends stay.

    Raises:
        DataError: the file is missing, damaged or not UTF-8, also where that shows while it is read.
    """
    with open_lines(path) as raw, TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
        try:
            yield text
        except UnicodeDecodeError:
            raise DataError(path, "is not UTF-8 text", _CONVERT) from None


def numbered_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Gives the lines of a UTF-8 text with their numbers from 1; a byte-order mark is skipped.

    Raises:
        DataError: the file cannot be read, or a line is not UTF-8, with the line.
    """
    with open_lines(path) as lines:
        for number, line in enumerate(lines, start=1):
            try:
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise not_utf8(path, number) from None


def not_utf8(path: str | Path, number: int) -> DataError:
    """Gives the error for a line that is not UTF-8."""
    return DataError(f"{path}:{number}", "is not UTF-8 text", _CONVERT)


def fitting(name: str, room: int = _LONGEST_NAME) -> str:
    """Returns a file name, cut before its ending where a file system takes no longer ones.

    A digest of the whole takes the place of what is left out, so that no two names become one.

    Args:
        name: a file name without folders.
        room: bytes that it may have.

    Example:
        >>> fitting("talk.srt"), len(fitting(300 * "x" + ".srt")), fitting("0123456789abcdefghi.txt", 20)
        ('talk.srt', 255, '0123456-ce4bf14b.txt')
    """
    whole = os.fsencode(name)
    if len(whole) <= room:
        return name
    ending = os.fsencode(Path(name).suffix)
    end = b"-" + hashlib.sha256(whole).hexdigest()[:8].encode() + (ending if len(ending) <= _LONGEST_ENDING else b"")
    kept = whole[: room - len(end)]
    if whole[len(kept)] & 0xC0 == 0x80:  # within a character, whose beginning goes, too
        kept = kept.rstrip(bytes(range(0x80, 0xC0)))[:-1]
    return os.fsdecode(kept + end)


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Gives a path beside ``path`` to write to, and renames it when the block ends well.

    The name ends as that of ``path`` does, so that writers which go by the ending work. Missing folders are made.

    Args:
        path: the file to write or replace.

    Raises:
        DataError: if the folder or file cannot be written, with the reason; an old file is still there then.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with written_whole(Path(folder) / "a.txt") as beside:
        ...         _ = beside.write_text("whole")
        ...     [file.name for file in Path(folder).iterdir()]
        ['a.txt']
    """
    path = Path(path)
    mark = f".part{os.getpid()}-"
    beside = path.with_name(mark + fitting(path.name, _LONGEST_NAME - len(mark)))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        beside.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(
            path, f"cannot be written ({reason})", "check the folder, its rights and the room left"
        ) from error
    finally:
        if beside.parent.is_dir():
            beside.unlink(missing_ok=True)


@contextmanager
def open_written(path: str | Path) -> Iterator[BinaryIO]:
    """Opens a file for writing bytes that appears whole or not at all, through gzip if its name ends in ``.gz``.

    Equal contents give equal files.

    Raises:
        DataError: the file cannot be written.
    """
    with written_whole(path) as beside, beside.open("wb") as raw:
        if Path(path).suffix != ".gz":
            yield cast(BinaryIO, raw)
            return
        with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0) as compressed:
            yield cast(BinaryIO, compressed)
