"""Files: texts read in any encoding and compression; files written completely or not at all."""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import secrets
import shlex
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, TextIO, cast

from asr.encodings import DamagedTextError, guess_encoding, utf8_stream
from asr.errors import AsrError, DataError

_SAMPLE = 1 << 16  # bytes that an encoding is guessed from
_SHOWN = 30  # characters
_LONGEST_NAME = 255  # bytes of a file's name, on nearly all file systems
_BLOCK = 4096  # bytes that are written to see whether there is room
PART = ".part"  # prefix of the names of unfinished files
_LONGEST_ENDING = 20  # bytes after the last dot that count as an ending
_OF_THE_DISK = frozenset(
    (errno.ENAMETOOLONG, errno.ELOOP, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EIO)
)  # errors about a path that any code may meet; missing files are handled where they are opened


@contextmanager
def open_lines(path: str | Path) -> Iterator[BinaryIO]:
    """Opens a text for reading its bytes in UTF-8, without a byte-order mark; line ends stay.

    Files compressed by gzip, xz or bzip2 are unpacked; UTF-16 and UTF-32 are recoded. Other bytes pass unchecked.

    Raises:
        DataError: the file is missing, damaged or a named pipe, unpacks to far more than texts do, or a line has no
            end; this may also be raised while it is read.
    """
    path = Path(path)
    with _reading(path):
        if stat.S_ISFIFO(path.stat().st_mode) and path.parts[1:2] not in (("dev",), ("proc",)):  # <(…) of a shell
            raise DataError(path, "is a pipe that may never end", "save what comes out of it as a file")
        with path.open("rb") as file:
            if path.suffix == ".gz" and file.peek(2)[:2] not in (b"", b"\x1f\x8b"):
                raise DamagedTextError("is no whole gzip file")
            with utf8_stream(file) as lines:
                yield lines


def check_readable(path: str | Path, remedy: str = "check the path") -> None:
    """Checks that a file is there and may be read, before other work; what it holds is found out later.

    Args:
        path: the file.
        remedy: what to do if it is not there.

    Raises:
        DataError: it is missing, a folder, or may not be read.
    """
    path = Path(path)
    with _reading(path, remedy):
        mode = path.stat().st_mode
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode):  # opening a pipe would wait for its other end
            path.open("rb").close()


@contextmanager
def _reading(path: Path, remedy: str = "check the path") -> Iterator[None]:
    """Turns what goes wrong with a file that is opened and read into a :class:`DataError`."""
    if "\0" in str(path):
        raise DataError(str(path).replace("\0", "\\0"), "has a NUL in its name", "correct the path")
    try:
        yield
    except FileNotFoundError:
        raise DataError(path, "no such file", remedy) from None
    except DamagedTextError as error:
        raise DataError(path, error.found, error.remedy) from None
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror or error})", "check the path") from None


@contextmanager
def open_text(path: str | Path) -> Iterator[TextIO]:
    """Opens a text for reading as :func:`open_lines` does.

    Raises:
        DataError: the file is missing, damaged or not Unicode, with the line; possibly while it is read.
    """
    with open_lines(path) as raw, TextIOWrapper(raw, encoding="utf-8", newline="") as text:
        try:
            yield text
        except UnicodeDecodeError:
            raise not_utf8(path) from None


def numbered_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Yields the lines of a text with their numbers from 1, as :func:`open_lines` reads them.

    Raises:
        DataError: the file cannot be read, or a line is not Unicode, with the line.
    """
    with open_lines(path) as lines:
        for number, line in enumerate(lines, start=1):
            try:
                decoded = line.decode()
            except UnicodeDecodeError:
                raise not_utf8(path) from None
            yield number, decoded


def not_utf8(path: str | Path) -> DataError:
    """Returns the error for a text that is not Unicode: the first such line and word, the likely encoding, a remedy."""
    path = Path(path)
    if not path.is_file():
        return DataError(path, "is not UTF-8 text", "save it as UTF-8")  # a pipe, which is not read again
    wrong, num_right = _lines_not_utf8(path)
    number, line = wrong[0] if wrong else (1, b"")
    where = f"{path}:{number}"
    if any(b"\0" in each for _, each in wrong):
        return DataError(path, "is not text", "check that it is the file you mean")
    if num_right > len(wrong):
        return DataError(where, "is not UTF-8 text, as other lines are", "correct the line")
    encoding = guess_encoding(b"".join(each for _, each in wrong))
    if encoding is None:
        return DataError(where, "is not UTF-8 text, and its encoding cannot be told", "save it again, as UTF-8")
    word = next((word for word in line.split() if not _is_utf8(word)), line).decode(encoding, errors="replace")
    found = f"is not UTF-8 text but most likely {encoding}, in which it reads {word[:_SHOWN]!r}"
    return DataError(where, found, f"convert it: {_conversion(path, encoding)}")


def _lines_not_utf8(path: Path) -> tuple[list[tuple[int, bytes]], int]:
    """Returns the first lines of a text that are not Unicode, with their numbers, and how many of the others are."""
    wrong: list[tuple[int, bytes]] = []
    size = num_right = 0
    with open_lines(path) as lines:
        for number, line in enumerate(lines, start=1):
            if line.isascii():
                continue
            if _is_utf8(line):
                num_right += 1
            else:
                wrong.append((number, line))
                size += len(line)
            if size >= _SAMPLE:
                break
    return wrong, num_right


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _conversion(path: Path, encoding: str) -> str:
    """Returns the command that converts a text to UTF-8, into a file with the same ending next to it."""
    unpack = {".gz": "gzip", ".xz": "xz", ".bz2": "bzip2"}.get(path.suffix)
    plain = path.with_suffix("") if unpack else path
    source, target = (shlex.quote(str(each)) for each in (path, plain.with_name(f"{plain.stem}.utf8{plain.suffix}")))
    recode = f"iconv -f {encoding} -t UTF-8"
    return f"{unpack} -dc {source} | {recode} > {target}" if unpack else f"{recode} {source} > {target}"


def fitting(name: str, room: int = _LONGEST_NAME) -> str:
    """Returns a file name without folders, shortened before its ending to at most ``room`` bytes.

    A digest of the whole name replaces what is cut, so that different names stay different.

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
    if whole[len(kept)] & 0xC0 == 0x80:  # within a character, whose beginning is dropped too
        kept = kept.rstrip(bytes(range(0x80, 0xC0)))[:-1]
    return os.fsdecode(kept + end)


def part_of(path: Path) -> Path:
    """Returns a unique name next to ``path`` for an unfinished file, with the same ending and not too long."""
    mark = f"{PART}{secrets.token_hex(8)}-"
    return path.with_name(mark + fitting(path.name, _LONGEST_NAME - len(mark)))


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Yields a path to write to, next to ``path`` and with its ending, and renames it if the block succeeds.

    Missing folders are created. A device or a pipe, such as ``/dev/stdout``, is written to directly.

    Raises:
        DataError: the folder or file cannot be written, with the reason; an old file is kept then.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with written_whole(Path(folder) / "a.txt") as beside:
        ...         _ = beside.write_text("whole")
        ...     [file.name for file in Path(folder).iterdir()]
        ['a.txt']
    """
    path = Path(path)
    beside = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        if beside != path:
            beside.replace(path)
    except OSError as error:
        raise _not_written(path, error) from error
    finally:
        if beside != path:
            with suppress(OSError):  # on a read-only file system there is nothing to remove
                beside.unlink()


def check_writable(path: str | Path) -> None:
    """Checks that a file can be written to a path, before the work whose result it is to hold.

    A block of zeros is written to the folder, or to the one in which missing folders would be made, and is gone at
    once; no folder is made. Devices and pipes are not touched.

    Raises:
        DataError: as :func:`written_whole`, as far as it can be known beforehand.
    """
    path = Path(path)
    if _beside(path) == path:
        return
    try:
        _is_there(path)  # raises an error for names that no file can have
        with TemporaryFile(dir=_nearest(path)) as file:
            file.write(bytes(_BLOCK))
            file.flush()
    except OSError as error:
        raise _not_written(path, error) from error


def _nearest(path: Path) -> Path:
    """Returns the folder of a path or, where it is missing, the one in which it would be made."""
    return next(filter(_is_there, path.parents), path.parent)


def _is_there(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _not_written(path: Path, error: OSError) -> DataError:
    """Returns the error for a file that cannot be written."""
    with suppress(OSError):
        if not (nearest := _nearest(path)).is_dir():
            return DataError(path, f"cannot be written ({nearest} is no folder)", "name another place")
    reason = error.strerror or str(error)
    return DataError(path, f"cannot be written ({reason})", "check the folder, its rights and the room left")


def _beside(path: Path) -> Path:
    """Returns the path to write to: the path itself if it is a device or a pipe, which cannot be replaced."""
    try:
        mode = path.stat().st_mode
    except OSError:
        mode = 0
    except ValueError:
        raise DataError(path, "is no path", "leave out characters that no path has") from None
    if stat.S_ISDIR(mode):
        raise DataError(path, "is a folder", "name a file in it")
    is_special = mode and not stat.S_ISREG(mode)
    if is_special or str(path.parent) in ("/dev", "/dev/fd"):  # /dev/stdout may lead to a file
        return path
    return part_of(path)


@contextmanager
def open_written(path: str | Path) -> Iterator[BinaryIO]:
    """Opens a file for writing bytes completely or not at all, through gzip if its name ends in ``.gz``.

    Equal contents result in equal files.

    Raises:
        DataError: the file cannot be written.
    """
    with written_whole(path) as beside, beside.open("wb") as raw:
        if Path(path).suffix != ".gz":
            yield cast(BinaryIO, raw)
            return
        with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0) as compressed:
            yield cast(BinaryIO, compressed)


def temporary_folder() -> Path:
    """Returns the folder that the system has for temporary files, such as ``$TMPDIR``.

    Raises:
        DataError: there is none that can be written to, as where the disk is full.
    """
    try:
        return Path(tempfile.gettempdir())
    except FileNotFoundError:
        found = "no folder for temporary files can be written to"
        raise DataError("TMPDIR", found, "make room, or set it to a folder on another disk") from None


def disk_error(error: Exception) -> AsrError | None:
    """Returns the one line to print for an error about a path that any code may meet; None for anything else."""
    if not isinstance(error, OSError) or error.filename is None or error.errno not in _OF_THE_DISK:
        return None
    found = f"cannot be used ({error.strerror})"
    return AsrError(os.fsdecode(error.filename), found, "check the path and its rights")
