"""Ogg: recordings that were joined, and streams whose last page does not say that it is the last.

**Source**: RFC 3533, section 6.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from asr.audio.access import Bytes, Range
from asr.audio.checksums import ogg_crc
from asr.audio.layout import Layout, Piece, lacking_bytes

_HEADER = 27  # bytes before the sizes of a page's segments
_IS_FIRST, _IS_LAST = 2, 4
_AUDIO = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ")


class _Page(NamedTuple):
    place: int
    size: int
    flags: int
    stream: int


@dataclass
class _Link:
    """One recording: streams that begin together, and all their pages.

    Attributes:
        start: where it begins.
        stop: where it ends.
        stream: the number of its first stream of audio.
        last: the last page of that stream.
        has_data: whether a page came that does not begin a stream.
    """

    start: int
    stop: int
    stream: int | None = None
    last: _Page | None = None
    has_data: bool = False


def look_through(data: Bytes, start: int) -> Layout:
    """Returns the recordings of an Ogg file that begins at ``start``."""
    links: list[_Link] = []
    end = start
    for page in _pages(data, start):
        end = page.place + page.size
        is_first = bool(page.flags & _IS_FIRST)
        if is_first and (not links or links[-1].has_data):
            links.append(_Link(page.place, end))
        if not links:
            continue  # pages of a recording whose beginning is not here: libogg knows
        link = links[-1]
        link.stop, link.has_data = end, link.has_data or not is_first
        if is_first and link.stream is None and data.at(page.place + _HEADER + 1, 8).startswith(_AUDIO):
            link.stream = page.stream
        if page.stream == link.stream:
            link.last = page
    if end > data.size:
        return lacking_bytes(end - data.size)
    if len(links) == 1 and (links[0].start, links[0].stop) == (start, data.size) and _ends_well(links[0]):
        return Layout()
    return Layout(tuple(Piece(tuple(_with_end(data, link))) for link in links if link.has_data))


def _ends_well(link: _Link) -> bool:
    return link.last is None or bool(link.last.flags & _IS_LAST)


def _pages(data: Bytes, start: int) -> Iterator[_Page]:
    """Yields the pages; what is no page is passed over. The last may reach beyond the end of the file."""
    while (start := data.find(b"OggS\0", start, data.size)) >= 0:
        head = data.at(start, _HEADER + 255)
        count = head[_HEADER - 1] if len(head) >= _HEADER else 255
        sizes = head[_HEADER : _HEADER + count]
        size = _HEADER + count + sum(sizes)
        flags, stream = (head[5], int.from_bytes(head[14:18], "little")) if len(head) >= _HEADER else (0, -1)
        yield _Page(start, size, flags, stream)
        start += size


def _with_end(data: Bytes, link: _Link) -> Iterator[bytes | Range]:
    """Yields a recording whose last page says that it is the last."""
    if link.last is None or _ends_well(link):
        yield Range(link.start, link.stop)
        return
    place, size, flags, _ = link.last
    page = data.at(place, size)
    page = page[:5] + bytes((flags | _IS_LAST,)) + page[6:22] + bytes(4) + page[26:]
    yield Range(link.start, place)
    yield page[:22] + ogg_crc(page).to_bytes(4, "little") + page[26:]
