"""FLAC: the samples that its header states, against those that its last frame ends with.

**Source**: RFC 9639, sections 8.2 (streaminfo) and 9.1 (frame header).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from asr.audio.access import Bytes, Range
from asr.audio.checksums import crc8, crc16
from asr.audio.layout import Layout, Piece

_INFO = 8  # where the content of streaminfo begins, after the name of the format and a header of four bytes
_FIRST_FRAME = _INFO + 34
_TAIL = 1 << 17  # least bytes in which the last frame of a file is sought
_LONGEST_HEADER = 16  # bytes, of a frame
_ID3V1 = 128  # bytes of the tag at the end of some files
_SYNC = re.compile(rb"\xff[\xf8\xf9]")
_BLOCK_SIZES = {1: 192, **{code: 576 << (code - 2) for code in range(2, 6)}}
_BLOCK_SIZES |= {code: 256 << (code - 8) for code in range(8, 16)}


class _Frame(NamedTuple):
    place: int
    end: int  # of its samples, counted from the first of the file


def look_through(data: Bytes, start: int) -> Layout:
    """Returns where the samples of a FLAC file lie that begins at ``start``."""
    info = data.at(start, _FIRST_FRAME)
    if len(info) < _FIRST_FRAME or info[4] & 0x7F:
        return Layout()  # libFLAC knows what is wrong
    stop = _next_file(data, start + _FIRST_FRAME)
    stated = int.from_bytes(info[21:26], "big") & ((1 << 36) - 1)
    frames = _last_frames(data, start, stop, info)
    if any(frame.end == stated for frame in frames):
        return Layout() if stop == data.size else Layout((Piece((Range(start, stop),)),), rest=stop)
    last, end = _last_whole(data, frames, stop)
    if last is None:
        return Layout()
    if last.end < stated and stop == data.size:
        return Layout(lacking=f"its header promises {stated:,} samples, its last whole frame ends after {last.end:,}")
    place = start + _INFO + 13
    number = ((info[21] & 0xF0) << 32 | last.end).to_bytes(5, "big")
    piece = Piece((Range(start, place), number, Range(place + 5, end)))
    return Layout((piece,), rest=0 if stop == data.size else stop)


def _next_file(data: Bytes, start: int) -> int:
    """Returns where another FLAC file begins, which somebody appended, or the end."""
    while (start := data.find(b"fLaC", start, data.size)) >= 0:
        if data.at(start + 4, 4) in (b"\x00\x00\x00\x22", b"\x80\x00\x00\x22"):
            return start
        start += 4
    return data.size


def _last_frames(data: Bytes, start: int, stop: int, info: bytes) -> list[_Frame]:
    """Returns what looks like a frame in the tail of a file."""
    largest = int.from_bytes(info[15:18], "big")  # frame, in bytes; 0 where it is not known
    begin = max(start + _FIRST_FRAME, stop - max(_TAIL, 2 * largest))
    tail = data.at(begin, stop - begin)
    block = int.from_bytes(info[10:12], "big")  # samples of all frames but the last, where they are of one size
    return [
        _Frame(begin + match.start(), end)
        for match in _SYNC.finditer(tail)
        if (end := _frame_end(tail[match.start() : match.start() + _LONGEST_HEADER], info, block)) is not None
    ]


def _frame_end(head: bytes, info: bytes, block: int) -> int | None:
    """Returns the sample that a frame ends before, counted from the first of the file; None if it is no frame."""
    if len(head) < _LONGEST_HEADER:
        head = head.ljust(_LONGEST_HEADER, b"\xff")
    size_code, rate_code, channels, width = head[2] >> 4, head[2] & 15, head[3] >> 4, head[3] >> 1 & 7
    stated_channels, stated_width = (info[20] >> 1 & 7) + 1, ((info[20] & 1) << 4 | info[21] >> 4) + 1
    if size_code == 0 or rate_code == 15 or channels > 10 or head[3] & 1:
        return None
    if (channels + 1 if channels < 8 else 2) != stated_channels:
        return None
    if width and {1: 8, 2: 12, 4: 16, 5: 20, 6: 24, 7: 32}.get(width) != stated_width:
        return None
    number, place = _coded_number(head, 4)
    extra = {6: 1, 7: 2}.get(size_code, 0)
    size = int.from_bytes(head[place : place + extra], "big") + 1 if extra else _BLOCK_SIZES[size_code]
    place += extra + {12: 1, 13: 2, 14: 2}.get(rate_code, 0)
    if number is None or crc8(head[: place + 1]):
        return None
    return (number if head[1] & 1 else number * block) + size


def _coded_number(head: bytes, place: int) -> tuple[int | None, int]:
    """Reads a number that is written as UTF-8 writes characters, up to 36 bits; returns it and the place after it."""
    first = head[place]
    length = 8 - (first ^ 0xFF).bit_length()  # ones before the first zero
    if length == 0:
        return first, place + 1
    more = head[place + 1 : place + length]
    if length in (1, 8) or any(byte >> 6 != 2 for byte in more):
        return None, place
    number = first & (0x7F >> length)
    for byte in more:
        number = number << 6 | byte & 0x3F
    return number, place + length


def _last_whole(data: Bytes, frames: list[_Frame], stop: int) -> tuple[_Frame | None, int]:
    """Returns the last frame whose checksum is right, and the place after it."""
    ends = [stop, *([stop - _ID3V1] if data.at(stop - _ID3V1, 3) == b"TAG" else [])]
    for index in range(len(frames) - 1, -1, -1):
        place = frames[index].place
        for end in (*(frame.place for frame in frames[index + 1 :][:8]), *ends):
            if crc16(data.at(place, end - place)) == 0:
                return frames[index], end
    return None, stop
