"""What the header of an audio file promises, against the size of the file: libsndfile shortens silently."""

from __future__ import annotations

import math
from typing import BinaryIO

_UNKNOWN_SIZE = 0x7FFFF000  # programs that write to a pipe promise this or more, as they cannot know better
_LARGEST_OGG_PAGE = 65307  # bytes


def missing_bytes(file: BinaryIO, head: bytes, size: int) -> int:
    """Gives how many bytes the header promises beyond the end of the file: above 0, it is truncated.

    Known for WAV, RF64, W64, AIFF, AU, NIST SPHERE and Ogg. FLAC and MP3 are found out when they are read.

    Args:
        file: the audio file, open for reading; its position is moved.
        head: the first bytes of it, 1024 or more if it has them.
        size: bytes in the file.
    """
    if head[:4] == b"RIFF":
        return _promised_by_riff(file, size) - size
    if head[:4] == b"RF64":
        return int.from_bytes(head[20:28], "little") + 8 - size
    if head[:4] == b"riff":
        return int.from_bytes(head[16:24], "little") - size
    if head[:4] == b"FORM":
        return int.from_bytes(head[4:8], "big") + 8 - size
    if head[:4] == b".snd":
        data, count = int.from_bytes(head[4:8], "big"), int.from_bytes(head[8:12], "big")
        return 0 if count >= _UNKNOWN_SIZE else data + count - size
    if head[:7] == b"NIST_1A":
        return _promised_by_sphere(head) - size
    if head[:4] == b"OggS":
        return _promised_by_ogg(file, size) - size
    return 0


def _promised_by_riff(file: BinaryIO, size: int) -> int:
    position = 12
    while position + 8 <= size:
        file.seek(position)
        name, length = file.read(4), int.from_bytes(file.read(4), "little")
        if name == b"data":
            return 0 if length >= _UNKNOWN_SIZE else position + 8 + length
        position += 8 + length + length % 2
    return position + 8  # no samples before the end: at least a header is missing


def _promised_by_sphere(head: bytes) -> int:
    lines = [line.split() for line in head[16:].split(b"end_head")[0].splitlines()]
    fields = {line[0]: line[2] for line in lines if len(line) >= 3}
    if fields.get(b"sample_coding", b"pcm") not in (b"pcm", b"ulaw", b"alaw"):
        return 0  # compressed: its size is not known from the header
    try:
        counts = [int(fields.get(name, b"1")) for name in (b"sample_count", b"sample_n_bytes", b"channel_count")]
        return int(head[8:16]) + math.prod(counts) if b"sample_count" in fields else 0
    except ValueError:
        return 0


def _promised_by_ogg(file: BinaryIO, size: int) -> int:
    begin = max(0, size - 2 * _LARGEST_OGG_PAGE)
    file.seek(begin)
    tail = file.read()
    page = tail.rfind(b"OggS\0")
    if page < 0:
        return 0
    lacing = tail[page + 27 :]
    count = tail[page + 26] if len(tail) > page + 26 else 255
    if len(lacing) < count:
        return begin + page + 27 + count
    return begin + page + 27 + count + sum(lacing[:count])
