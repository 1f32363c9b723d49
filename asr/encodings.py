"""Bytes of texts: unpacked and recoded to UTF-8, or their likely encoding if that is not possible."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import unicodedata
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import BinaryIO

LONGEST_LINE = 1 << 27
"""Bytes of the longest line that is read: a few compressed kilobytes may unpack to a line without end."""

_BLOCK = 1 << 18
_SMALL, _MOST_RATIO = 1 << 24, 200  # bytes that a file may always unpack to, and times its own size beyond that
_HEAD = 4096  # bytes that determine the encoding
_XZ_MEMORY = 1 << 28  # bytes; what xz -9 wrote takes a quarter of it
_GZIP, _XZ, _BZIP2 = b"\x1f\x8b", b"\xfd7zXZ\x00", b"BZh"
_MARKS = (  # UTF-32 before UTF-16, whose mark is its beginning
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CANDIDATES = (  # by names that iconv and Python share; the first of equally likely ones is returned
    *("ISO-8859-1", "WINDOWS-1252", "MACINTOSH", "WINDOWS-1250", "ISO-8859-2", "WINDOWS-1251", "KOI8-R"),
    *("GB18030", "EUC-JP", "SHIFT_JIS", "EUC-KR", "BIG5"),
)
_FREQUENT_HAN = {  # lead bytes of the first level of each standard, the frequent characters
    "GB18030": (0xB0, 0xD7),
    "EUC-JP": (0xB0, 0xCF),
    "SHIFT_JIS": (0x88, 0x98),
    "BIG5": (0xA4, 0xC6),
}
_LIKELY = 0.55  # mean weight of the characters beyond ASCII in the right encoding; others rarely reach 0.4
_COMMON_LATIN = frozenset("àáâãäåæçèéêëìíîïñòóôöõøœùúûüýÿßąćęłńśźżčěďňřťůőűășţ")
_COMMON_MARKS = frozenset("\u00a0\u2018\u2019\u201c\u201d\u2013\u2014\u2026€«»¿¡°£")


class DamagedTextError(Exception):
    """The bytes of a file are not text.

    Attributes:
        found: what was found.
        remedy: what to do about it.
    """

    def __init__(self, found: str, remedy: str = "make or copy it again") -> None:
        super().__init__(found)
        self.found, self.remedy = found, remedy


def utf8_stream(file: BinaryIO) -> BinaryIO:
    """Returns the bytes of a text in UTF-8, without a byte-order mark.

    gzip, xz and bzip2 are unpacked, whatever the file's name, and UTF-16 and UTF-32 are recoded. Other bytes pass
    unchanged. Memory is bounded, whatever the bytes unpack to. Reading raises :class:`DamagedTextError` if a file
    cannot be unpacked or recoded, or has a line longer than :data:`LONGEST_LINE`.

    Args:
        file: open at its beginning; it is left open.
    """
    return io.BufferedReader(_Joined(_limited(_utf8_blocks(file))), _BLOCK)


def guess_encoding(sample: bytes) -> str | None:
    """Returns the likely encoding of text that is not UTF-8, as iconv and Python name it, from a sample of its lines.

    Returns:
        The name; None if no candidate results in plausible text.

    Example:
        >>> guess_encoding("déjà vu".encode("latin-1")), guess_encoding("привет".encode("koi8-r"))
        ('ISO-8859-1', 'KOI8-R')
    """
    weights = {}
    for name in _CANDIDATES:
        try:
            text = f" {sample.decode(name)} "
        except UnicodeDecodeError:
            continue
        places = [place for place, character in enumerate(text) if character > "\x7f"]
        if places:
            weights[name] = sum(_weight(text, place, name) for place in places) / len(places)
    likeliest = max(weights, key=lambda name: weights[name], default=None)
    return likeliest if likeliest is not None and weights[likeliest] >= _LIKELY else None


def _weight(text: str, place: int, encoding: str) -> float:
    """Returns how plausible a character beyond ASCII is in a text of an encoding, from -1 to 1."""
    before, character, after = text[place - 1], text[place], text[place + 1]
    if character in _COMMON_LATIN:
        return 1.0
    if character in _COMMON_MARKS:  # between letters only as an apostrophe
        return 0.0 if before.isalpha() and after.isalpha() and character != "\u2019" else 1.0
    if character.lower() in _COMMON_LATIN:
        return 0.3 if before.islower() else 1.0
    if "\u0410" <= character <= "\u044f" or character in "ёЁ":
        return 1.0 if character.islower() else 0.7
    if "\u3040" <= character <= "\u30ff":
        return 1.0 if encoding in ("EUC-JP", "SHIFT_JIS") else 0.2  # kana are in the Chinese standards too
    if "\uac00" <= character <= "\ud7a3" or character in "、。「」":
        return 1.0
    if "\u4e00" <= character <= "\u9fff":
        first, last = _FREQUENT_HAN.get(encoding, (0, -1))
        return 0.9 if first <= character.encode(encoding)[0] <= last else 0.2
    if "\uff00" <= character <= "\uff5e":
        return 0.7  # full-width forms
    return -1.0 if unicodedata.category(character) in ("Cc", "Co", "Cn") else 0.1


class _Joined(io.RawIOBase):
    """Blocks of bytes as one file."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        super().__init__()
        self._blocks, self._pending = blocks, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._pending:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._pending = memoryview(block)
        count = min(len(buffer), len(self._pending))
        buffer[:count] = self._pending[:count]
        self._pending = self._pending[count:]
        return count


def _limited(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Yields blocks until a line is too long for a text."""
    length = 0
    for block in blocks:
        end = block.rfind(b"\n")
        length = length + len(block) if end < 0 else len(block) - end - 1
        if length > LONGEST_LINE:
            raise DamagedTextError(f"has a line of more than {LONGEST_LINE:,} bytes", "check what it is")
        yield block


def _utf8_blocks(file: BinaryIO) -> Iterator[bytes]:
    blocks = _unpacked(file)
    head = b""
    while len(head) < _HEAD and (block := next(blocks, None)) is not None:
        head += block
    mark, encoding = next(((mark, name) for mark, name in _MARKS if head.startswith(mark)), (b"", _unmarked(head)))
    whole = chain([head[len(mark) :]], blocks)
    yield from whole if encoding == "utf-8" else _recoded(whole, encoding)


def _unmarked(head: bytes) -> str:
    """Returns the encoding of a file without a byte-order mark; ASCII in UTF-16 has zeros in every other byte."""
    head = head[:_HEAD]
    even, odd = head[::2].count(0), head[1::2].count(0)
    if head[1:2] == b"\0" and 4 * even < odd:
        return "utf-16-le"
    if head[:1] == b"\0" and 4 * odd < even:
        return "utf-16-be"
    return "utf-8"


def _recoded(blocks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        for block in blocks:
            yield decoder.decode(block).encode()
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        found = f"is not UTF-8 text but {encoding[:6].upper()}, and damaged"
        raise DamagedTextError(found, "save it again, as UTF-8") from None


def _unpacked(file: BinaryIO) -> Iterator[bytes]:
    first = file.read(_BLOCK)
    packed = chain([first], iter(lambda: file.read(_BLOCK), b""))
    if first.startswith(_GZIP):
        return _bounded(packed, _gunzipped)
    if first.startswith(_XZ):
        return _bounded(packed, partial(_decompressed, form="xz"))
    if first.startswith(_BZIP2):
        return _bounded(packed, partial(_decompressed, form="bzip2"))
    return packed


def _bounded(packed: Iterator[bytes], unpack: Callable[[Iterator[bytes]], Iterator[bytes]]) -> Iterator[bytes]:
    """Yields unpacked blocks until they exceed what a text of the packed size can hold."""
    num_packed = num_unpacked = 0

    def counted() -> Iterator[bytes]:
        nonlocal num_packed
        for block in packed:
            num_packed += len(block)
            yield block

    for block in unpack(counted()):
        num_unpacked += len(block)
        most = max(_SMALL, _MOST_RATIO * num_packed)
        if num_unpacked > most:
            found = f"unpacks to more than {most:,} bytes, {_MOST_RATIO} times its own size"
            raise DamagedTextError(found, "unpack it, if it is meant to")
        yield block


def _gunzipped(packed: Iterator[bytes]) -> Iterator[bytes]:
    joined = io.BufferedReader(_Joined(packed), _BLOCK)
    try:
        with gzip.GzipFile(fileobj=joined) as unpacked:
            yield from iter(lambda: unpacked.read(_BLOCK), b"")
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise DamagedTextError("is no whole gzip file") from None


def _decompressed(packed: Iterator[bytes], form: str) -> Iterator[bytes]:
    """Unpacks concatenated streams, with padding between them."""
    decompressor = None
    try:
        for block in packed:
            while block or not (decompressor is None or decompressor.needs_input or decompressor.eof):
                if decompressor is None or decompressor.eof:
                    block = block.lstrip(b"\0")
                    decompressor = _decompressor(form) if block else decompressor
                    if not block:
                        break
                assert decompressor is not None
                yield decompressor.decompress(block, _BLOCK)
                block = decompressor.unused_data if decompressor.eof else b""
    except (lzma.LZMAError, OSError) as error:
        raise DamagedTextError(f"is no whole {form} file ({error})") from None
    if decompressor is not None and not decompressor.eof:
        raise DamagedTextError(f"is no whole {form} file")


def _decompressor(form: str) -> lzma.LZMADecompressor | bz2.BZ2Decompressor:
    return lzma.LZMADecompressor(memlimit=_XZ_MEMORY) if form == "xz" else bz2.BZ2Decompressor()
