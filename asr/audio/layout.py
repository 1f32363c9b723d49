"""Where the audio of a file lies and ends, found in the file itself: what a header says of its length is a hint.

libsndfile believes the header: it drops what lies beyond the length that it states, without a word. So a file is
looked through before it is decoded, and where its header does not tell the truth, libsndfile is shown another one.
"""

from __future__ import annotations

from dataclasses import dataclass

from asr.audio.access import Bytes, Range

UNKNOWN_SIZE = 0x7FFFF000
"""Bytes that programs promise which write to a pipe and cannot know better; or more than that."""

_ID3_HEADER = 10  # bytes, before and after a tag's content


@dataclass(frozen=True)
class Piece:
    """What libsndfile can open and read to the end.

    Attributes:
        parts: what its bytes are: stretches of the file, and new headers.
        is_counted: whether libsndfile counts its samples rightly; else they end where decoding does.
        claimed_size: bytes that it is said to have, which keeps libsndfile from ending early; 0 for its own size.
    """

    parts: tuple[bytes | Range, ...]
    is_counted: bool = True
    claimed_size: int = 0


@dataclass(frozen=True)
class Layout:
    """What a file consists of.

    Attributes:
        pieces: recordings that follow one another; none where libsndfile can read the file as it is.
        lacking: what its header promises and is not there, in words; empty if the file is whole.
        rest: where another file begins that was appended; 0 if there is none.
    """

    pieces: tuple[Piece, ...] = ()
    lacking: str = ""
    rest: int = 0


def lacking_bytes(count: int) -> Layout:
    """Returns the layout of a file that ends too early by so many bytes."""
    return Layout(lacking=f"the last {count:,} bytes that its header promises are missing")


def skip_id3(data: Bytes, start: int) -> int:
    """Returns the end of the ID3v2 tags at ``start``, which people's programs put before any format."""
    while (head := data.at(start, _ID3_HEADER))[:3] == b"ID3" and len(head) == _ID3_HEADER and max(head[6:]) < 0x80:
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        start += _ID3_HEADER * (2 if head[5] & 0x10 else 1) + size
    return min(start, data.size)
