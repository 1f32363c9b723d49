"""MPEG audio (MP3): its frames counted, since only some files say how many they have.

A file is a sequence of frames that decode to a fixed number of samples each. The first may be a header ("Xing" or
"Info", "VBRI") that states how many follow; libsndfile guesses from the size of the first frame where there is none,
and stops early where files were joined.

**Source**: ISO 11172-3, section 2.4.1.3; ISO 13818-3; the tag of LAME.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from asr.audio.access import Bytes, Range
from asr.audio.layout import Layout, Piece, skip_id3

_RATES = (44100, 48000, 32000)
_KILOBITS = {  # by whether it is MPEG 1, and by layer
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SURE = 4  # consecutive frames of one kind: no other data looks like that
_SEARCHED = 1 << 16  # bytes in which the first frame of a file is sought
_TAGGED = 48  # bytes of a frame in which a header of the whole stands


class _Frame(NamedTuple):
    size: int  # bytes
    kind: tuple[int, int, int, bool]  # version, layer, sample rate, mono: the same in all frames of a recording
    tag_place: int  # where "Xing" would stand


@dataclass
class _Run:
    """Frames that follow one another without a gap.

    Attributes:
        start: where it begins.
        first: where the first frame begins that is no header of the whole.
        stop: where the last ends.
        first_size: bytes of the first.
        frames: how many they are, without the header.
        stated: how many they should be, by the header; None if there is none, or it does not say.
        has_rest: whether something like a frame begins after the last and is not whole.
    """

    start: int
    first: int
    stop: int
    first_size: int
    frames: int = 0
    stated: int | None = None
    has_rest: bool = False


def look_through(data: Bytes, start: int, stop: int) -> Layout:
    """Returns the recordings of MPEG audio within a file; nothing where it is another format."""
    tagged = skip_id3(data, start)
    begin = _first_frame(data, tagged, stop)
    if begin is None:
        return Layout()
    pieces: list[Piece] = []
    for recording in _recordings(_runs(data, begin, stop)):
        stated, found = recording[0].stated, sum(run.frames for run in recording)
        # Some encoders count the header, too.
        if stated is not None and found < stated - (0 if recording[-1].has_rest or len(recording) > 1 else 1):
            return Layout(lacking=f"its header promises {stated:,} frames, {found:,} are there")
        pieces += [_piece(run, is_whole=len(recording) == 1) for run in recording]
    is_plain = len(pieces) == 1 and pieces[0].is_counted and (start, stop, begin) == (0, data.size, tagged)
    return Layout() if is_plain else Layout(tuple(pieces))


def _recordings(runs: Iterator[_Run]) -> list[list[_Run]]:
    """Puts runs without a header to the one before them."""
    recordings: list[list[_Run]] = []
    for run in runs:
        if recordings and run.stated is None:
            recordings[-1].append(run)
        else:
            recordings.append([run])
    return recordings


def _piece(run: _Run, is_whole: bool) -> Piece:
    if run.stated is not None and (is_whole or run.frames == run.stated):
        return Piece((Range(run.start, run.stop),))
    # libsndfile takes all frames to be as long as the first: with this size it does not expect too few.
    claimed = 2 * run.first_size * (run.frames + _SURE) + (run.stop - run.start)
    return Piece((Range(run.first, run.stop),), is_counted=False, claimed_size=claimed)


@lru_cache(maxsize=4096)
def parse_frame(head: bytes) -> _Frame | None:
    """Reads the four bytes that a frame begins with."""
    word = int.from_bytes(head, "big")
    version, layer = word >> 19 & 3, 4 - (word >> 17 & 3)
    bitrate, rate = word >> 12 & 15, word >> 10 & 3
    if word >> 21 != 0x7FF or version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return None
    is_first = version == 3
    sample_rate = _RATES[rate] >> (0 if is_first else 1 if version == 2 else 2)
    bits, padding = 1000 * _KILOBITS[is_first, layer][bitrate], word >> 9 & 1
    if layer == 1:
        size = 4 * (12 * bits // sample_rate + padding)
    else:
        size = (72 if layer == 3 and not is_first else 144) * bits // sample_rate + padding
    is_mono = word >> 6 & 3 == 3
    side = (17 if is_mono else 32) if is_first else (9 if is_mono else 17)
    return _Frame(size, (version, layer, sample_rate, is_mono), 4 + side)


def _first_frame(data: Bytes, start: int, stop: int) -> int | None:
    """Returns where frames of one kind begin to follow one another; junk may lie before them."""
    place = start
    while (place := data.find(b"\xff", place, min(stop, start + _SEARCHED))) >= 0:
        if _is_sure(data, place, stop):
            return place
        place += 1
    return None


def _is_sure(data: Bytes, place: int, stop: int) -> bool:
    kinds: set[tuple[int, int, int, bool]] = set()
    for _ in range(_SURE):
        frame = parse_frame(data.at(place, 4))
        if frame is None:
            return bool(kinds) and place == stop
        kinds.add(frame.kind)
        place += frame.size
    return len(kinds) == 1


def _runs(data: Bytes, begin: int, stop: int) -> Iterator[_Run]:
    """Yields the recordings: each begins at the header of a recording, or where frames resume after other data."""
    place: int | None = begin
    while place is not None:
        run = _run(data, place, stop)
        yield run
        place = _first_frame(data, skip_id3(data, run.stop), stop)


def _run(data: Bytes, begin: int, stop: int) -> _Run:
    first = parse_frame(data.at(begin, 4))
    assert first is not None
    has_header, stated = _header(data, begin, first)
    place = begin + first.size if has_header else begin
    run = _Run(begin, place, begin, first.size, stated=stated)
    while (frame := parse_frame(data.at(place, 4))) is not None and frame.kind == first.kind:
        if place + frame.size > stop:
            run.has_rest = True
            break
        if run.frames and (run.frames == run.stated or _header(data, place, frame)[0]):
            break
        run.frames += 1
        place += frame.size
    run.stop = place
    return run


def _header(data: Bytes, place: int, frame: _Frame) -> tuple[bool, int | None]:
    """Says whether a frame is the header of a whole, and how many frames that states."""
    head = data.at(place, min(frame.size, _TAGGED))
    tag = head[frame.tag_place : frame.tag_place + 12]
    if tag[:4] in (b"Xing", b"Info"):
        has_number = len(tag) == 12 and tag[7] & 1
        return True, int.from_bytes(tag[8:12], "big") or None if has_number else None
    return head[36:40] == b"VBRI", None
