"""Lines of text files, compressed or not, read one after the other with errors that name the file."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from asr.errors import DataError
from asr.files import written_whole


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
    return DataError(f"{path}:{number}", "is not UTF-8 text", "convert the file, for example with: iconv -t UTF-8")


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
