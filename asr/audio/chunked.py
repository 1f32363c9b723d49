"""WAV, RF64, W64, AIFF and CAF, which are chunks that follow one another, and AU: where their samples end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from asr.audio import mpeg
from asr.audio.access import Bytes, Range
from asr.audio.layout import UNKNOWN_SIZE, Layout, Piece, lacking_bytes

_MPEG_TAGS = (0x50, 0x55)  # of WAV: MPEG layer II, and III
_LARGEST = 0xFFFFFFFF  # what a field of four bytes holds; libsndfile takes it for "to the end of the file"
_W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")  # of the names of chunks in W64
_STRANGE = (b"TAG", b"ID3", b"APETAGEX", b"LYRICS")  # tags that programs for MP3 append to any file
_AU_HEADER = 24  # bytes
_PADDING = 1 << 20  # most bytes of zeros that some disks leave after a file
_CHUNKS_AFTER = frozenset(
    b"LIST id3  ID3  bext cue  smpl JUNK junk fact PEAK iXML _PMX afsp acid inst plst DISP MD5  PAD  FLLR COMM MARK "
    b"INST APPL NAME AUTH ANNO (c)  COMT CHAN pakt info free strg mark regn umid uuid midi edct ovvw peak".split(b" ")
)


class _Chunk(NamedTuple):
    name: bytes
    place: int
    start: int  # of its content
    size: int  # of its content, as the header has it


@dataclass(frozen=True)
class _Form:
    """How a format of this family writes its chunks.

    Attributes:
        name_size: bytes of a chunk's name.
        length_size: bytes of its length.
        order: byte order.
        whole: whether the length counts the header of the chunk.
        align: chunks begin at multiples of it.
        first: where the first chunk begins, from the start of the file.
        samples: name of the chunk with the samples.
    """

    name_size: int = 4
    length_size: int = 4
    order: str = "little"
    whole: bool = False
    align: int = 2
    first: int = 12
    samples: bytes = b"data"

    @property
    def header(self) -> int:
        return self.name_size + self.length_size

    def length(self, size: int) -> bytes:
        """Returns a length as the file has it; the largest number stands for one that is too large."""
        size = min(size + (self.header if self.whole else 0), 256**self.length_size - 1)
        return size.to_bytes(self.length_size, "big" if self.order == "big" else "little")


_FORMS = {
    b"RIFF": _Form(),
    b"RF64": _Form(),
    b"BW64": _Form(),
    b"FORM": _Form(order="big", samples=b"SSND"),
    b"caff": _Form(length_size=8, order="big", align=1, first=8),
    b"riff": _Form(name_size=16, length_size=8, whole=True, align=8, first=40, samples=b"data" + _W64_TAIL),
}


def is_kind(head: bytes) -> bool:
    """Says whether a file begins as one of these formats does; AVI and WebP are RIFF, too, and are not meant."""
    kind, form = head[:4], head[8:12]
    if kind in (b"RIFF", b"RF64", b"BW64"):
        return form == b"WAVE"
    return form in (b"AIFF", b"AIFC") if kind == b"FORM" else kind in (b"caff", b"riff")


def look_through(data: Bytes, start: int) -> Layout:
    """Returns where the samples of a file lie that begins at ``start``."""
    form = _FORMS[data.at(start, 4)]
    chunks: dict[bytes, _Chunk] = {}
    for chunk in _chunks(data, form, start):
        chunks.setdefault(chunk.name, chunk)
        if chunk.name == form.samples:
            break
    else:
        return Layout() if form.samples == b"SSND" else Layout(lacking="it ends before its samples begin")
    stated = _stated_size(data, start, chunks, form)
    found = data.size - chunk.start
    if stated is not None and stated > found:
        return lacking_bytes(stated - found)
    rest = None if stated is None else _rest(data, form, start, chunk.start + stated)
    if _is_mpeg(data, start, chunks):
        return mpeg.look_through(data, chunk.start, data.size if stated is None else chunk.start + stated)
    if rest is None:
        return Layout((Piece(tuple(_with_size(data, form, start, chunks, found))),))
    return Layout() if rest == data.size else Layout((Piece((Range(start, rest),)),), rest=rest)


def look_through_au(data: Bytes, start: int) -> Layout:
    """Returns where the samples of an AU file lie that begins at ``start``."""
    head = data.at(start, _AU_HEADER)
    if len(head) < _AU_HEADER:
        return lacking_bytes(_AU_HEADER - len(head))
    first, stated = start + int.from_bytes(head[4:8], "big"), int.from_bytes(head[8:12], "big")
    found = data.size - first
    if found < 0:
        return Layout(lacking="it ends before its samples begin")
    if found < stated < UNKNOWN_SIZE:
        return lacking_bytes(stated - found)
    if first >= start + _AU_HEADER and data.at(first + stated, 4) == b".snd":
        return Layout((Piece((Range(start, first + stated),)),), rest=first + stated)
    if stated == found or data.at(first + stated, 8).startswith(_STRANGE):
        return Layout()
    size = min(found, _LARGEST).to_bytes(4, "big")
    return Layout((Piece((Range(start, start + 8), size, Range(start + 12, data.size))),))


def _chunks(data: Bytes, form: _Form, start: int) -> Iterator[_Chunk]:
    place = start + form.first
    while place + form.header <= data.size:
        size = data.number(place + form.name_size, form.length_size, form.order) - (form.header if form.whole else 0)
        if size < 0:
            return
        yield _Chunk(data.at(place, form.name_size), place, place + form.header, size)
        place = _aligned(form, start, place + form.header + size)


def _aligned(form: _Form, start: int, place: int) -> int:
    return place + (start - place) % form.align


def _stated_size(data: Bytes, start: int, chunks: dict[bytes, _Chunk], form: _Form) -> int | None:
    """Returns the bytes of samples that the header states; None where it says that it does not know."""
    size = chunks[form.samples].size
    if form.length_size == 8:
        return None if size >= 1 << 63 else size
    if data.at(start, 4) in (b"RF64", b"BW64") and size == _LARGEST and b"ds64" in chunks:
        large = data.number(chunks[b"ds64"].start + 8, 8)
        return None if large in (0, 2**64 - 1) else large
    return None if size >= UNKNOWN_SIZE else size


def _rest(data: Bytes, form: _Form, start: int, end: int) -> int | None:
    """Returns where another file begins after the stated end of the samples, or this one's size; None if they go on."""
    for place in (_aligned(form, start, end), end):  # some programs forget to align
        head = data.at(place, max(form.header, 16))
        if is_kind(head):
            return place
        if len(head) < form.header or head.startswith(_STRANGE) or _is_chunk(data, form, place):
            return data.size
    stated_end = start + data.number(start + 4, 4, form.order) + 8
    may_be_padding = form.length_size == 4 and stated_end >= end and data.size - end <= _PADDING
    return data.size if may_be_padding and not any(map(any, data.blocks(end))) else None


def _is_chunk(data: Bytes, form: _Form, place: int) -> bool:
    name = data.at(place, form.name_size)
    if form.name_size == 16:
        return name[4:] == _W64_TAIL or name[6:8] == b"\xd3\x11"
    size = data.number(place + 4, form.length_size, form.order)
    fits = place + form.header + size <= data.size + 1
    return name in _CHUNKS_AFTER or (fits and all(0x20 <= letter < 0x7F for letter in name))


def _is_mpeg(data: Bytes, start: int, chunks: dict[bytes, _Chunk]) -> bool:
    return data.at(start, 4) == b"RIFF" and b"fmt " in chunks and data.number(chunks[b"fmt "].start, 2) in _MPEG_TAGS


def _with_size(data: Bytes, form: _Form, start: int, chunks: dict[bytes, _Chunk], size: int) -> Iterator[bytes | Range]:
    """Yields the file with the true number of bytes, ``size``, wherever its header counts them."""
    samples = chunks[form.samples]
    if data.at(start, 4) == b"RIFF" and data.size - start > _LARGEST:
        yield from _as_rf64(data, start, samples, size)
        return
    changes = {samples.place + form.name_size: form.length(size)}
    if form.first == 12:
        changes[start + 4] = _Form.length(form, data.size - start - 8)
    if form.samples == b"SSND" and b"COMM" in chunks and data.at(start + 8, 4) == b"AIFF":  # AIFC counts packets
        place = chunks[b"COMM"].start
        channels, bits = data.number(place, 2, "big"), data.number(place + 6, 2, "big")
        frame = max(1, channels * -(-bits // 8))
        changes[place + 2] = min((size - 8) // frame, _LARGEST).to_bytes(4, "big")
    if b"ds64" in chunks:
        place = chunks[b"ds64"].start
        changes[place] = (data.size - start - 8).to_bytes(8, "little") + size.to_bytes(8, "little")
        changes[samples.place + 4] = _LARGEST.to_bytes(4, "little")
    position = start
    for place, content in sorted(changes.items()):
        yield Range(position, place)
        yield content
        position = place + len(content)
    yield Range(position, data.size)


def _as_rf64(data: Bytes, start: int, samples: _Chunk, size: int) -> Iterator[bytes | Range]:
    """Yields a WAV file that is too large for the fields of its header as RF64, which has larger ones.

    **Source**: EBU Tech 3306.
    """
    unknown = _LARGEST.to_bytes(4, "little")
    sizes = b"".join(number.to_bytes(8, "little") for number in (data.size - start + 28, size, 0))
    yield b"RF64" + unknown + b"WAVEds64" + (28).to_bytes(4, "little") + sizes + bytes(4)
    yield Range(start + 12, samples.place + 4)
    yield unknown
    yield Range(samples.start, data.size)
