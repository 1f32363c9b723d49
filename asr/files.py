"""Files: read, compressed or not, with errors that name them; written whole or not at all."""

from __future__ import annotations

import gzip
import logging
import os
import secrets
import socket
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from asr.errors import DataError

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

_CONVERT = "convert the file, for example with: iconv -t UTF-8"


@contextmanager
def open_lines(path: str | Path) -> Iterator[BinaryIO]:
    """Opens a file for reading bytes, through gzip if its name ends in ``.gz``.

    Raises:
        DataError: the file is missing or damaged, also where that shows while it is read.
    """
    path = Path(path)
    try:
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(path, "rb") as lines:
            yield cast(BinaryIO, lines)
    except FileNotFoundError:
        raise DataError(path, "no such file", "check the path") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise DataError(path, "is no whole gzip file", "make or copy it again") from None
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror or error})", "check the path") from None


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


def part_of(path: Path) -> Path:
    """Returns a name beside ``path`` for what is not whole yet: unlike any other's, in whichever container or machine.

    It ends as the name of ``path`` does, and is no longer than a name may be.
    """
    end = os.fsencode(path.name)[-200:].decode("utf-8", "ignore")
    return path.with_name(f".part{secrets.token_hex(8)}-{end}")


def leftovers(path: Path, older_than: float = 0.0) -> list[Path]:
    """Returns what killed writers of ``path`` have left beside it.

    Args:
        path: the file or folder; ``*`` stands for anything in its name.
        older_than: seconds since the last change, where living writers cannot be excluded.
    """
    found = path.parent.glob(f".part*-{path.name}")
    return [each for each in found if not older_than or time.time() - each.lstat().st_mtime > older_than]


@contextmanager
def locked(path: str | Path, doing: str, remedy: str) -> Iterator[None]:
    """Holds a lock for the length of the block, on this machine and others that see the same folder.

    The system gives it back when the process ends, in whichever way; what stands in the file names its holder. Where
    the file system knows no locks, that is said and nothing is held.

    Args:
        path: the lock's file, made if it is not there.
        doing: what is done under it, such as "a training".
        remedy: what to do while another holds it.

    Raises:
        DataError: another process holds it, or the file cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise DataError(path, f"cannot be written ({error.strerror})", "check the folder and its rights") from None
    with file:
        try:
            if fcntl is not None:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            file.seek(0)
            raise DataError(path.parent, f"{doing} is going on there, {file.read().strip()}", remedy) from None
        except OSError as error:
            logger.warning("%s: cannot be locked (%s): take care that nothing else writes there", path, error.strerror)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()} since {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


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
    beside = part_of(path)
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
