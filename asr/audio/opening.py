"""Opens a recording with whichever decoder reads it, after a look at what the file really holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from asr.audio import chunked, flac, media, mpeg, ogg, sphere
from asr.audio.access import Bytes, Range, find_file, open_file
from asr.audio.kinds import HEAD, NOT_AUDIO, kind_of
from asr.audio.layout import Layout, Piece, skip_id3
from asr.audio.rates import check_rate
from asr.audio.sound import NotReadableError, Sound, truncated
from asr.errors import DataError

_SMALL = 1 << 20  # bytes of files that are examined again each time, in no time
_REMEMBERED = 4096  # large files

Stamp = tuple[Path, int, int, int]
"""What tells one state of a file from another: path, size, and times."""


@contextmanager
def open_sound(path: Path, stored: bytes | None = None) -> Iterator[Sound]:
    """Opens a recording.

    Args:
        path: an audio file.
        stored: its bytes, if it lies in an archive: ``path`` is then only what errors name.

    Raises:
        DataError: the file is missing, empty, truncated, or no audio that can be read here.
    """
    with open_file(path, stored) as file:
        data = Bytes(file)
        if not data.size:
            raise DataError(path, "is empty (0 bytes)", "copy or record it again")
        stamp = _stamp(path) if stored is None and data.size > _SMALL else None
        found = _look_through(data) if stamp is None else _layout_remembered(stamp)
        if found.lacking:
            raise truncated(path, found.lacking)
        sound = _decoder(path, file, stored, found, kind_of(data.at(0, HEAD)))
        try:
            check_rate(path, sound.sample_rate)
            yield sound
        finally:
            sound.close()


def count_samples(path: Path, stored: bytes | None = None) -> tuple[int, int, int]:
    """Returns sample rate, samples and channels, by decoding if need be; errors are those of :func:`open_sound`."""
    with open_sound(path, stored) as sound:
        if sound.num_samples is None:
            stamp = None if stored is not None else _stamp(path)
            counted = _count(path, stored) if stamp is None else _count_remembered(stamp)
        else:
            counted = sound.num_samples
        return sound.sample_rate, counted, sound.num_channels


def _decoder(path: Path, file: BinaryIO, stored: bytes | None, found: Layout, kind: str) -> Sound:
    from asr.audio import libsndfile  # not before it is needed: it loads a library

    if kind in NOT_AUDIO:
        raise DataError(path, f"is {kind}", "check the path")
    reason = ""
    if not kind:  # some of those that are known libsndfile would take for MPEG
        try:
            return libsndfile.LibsndfileSound(path, file, find_file(path) if stored is None else file, found.pieces)
        except NotReadableError as error:
            reason = str(error)
    try:
        return media.MediaSound(path, file)
    except media.MissingError as error:
        lacking = f"PyAV {error} (the extra media: pip install av)"
        raise _not_read(path, kind, reason, lacking) from None
    except NotReadableError as error:
        raise _not_read(path, kind, reason, "", str(error)) from None


def _not_read(path: Path, kind: str, reason: str, lacking: str, reason_of_ffmpeg: str = "") -> DataError:
    """Returns the error for a file that libsndfile does not read for a reason, and FFmpeg, if nothing is lacking."""
    remedy = f"convert it to WAV or FLAC, for example with: ffmpeg -i {path.name} {path.stem}.flac"
    if "shorten" in kind and path.suffix.lower() != ".shn":
        remedy = f"uncompress it, for example with: sph2pipe -f wav {path.name} {path.stem}.wav"
    if lacking:
        found = f"is {kind}, which needs PyAV" if kind else f"is not audio that libsndfile reads ({reason})"
        return DataError(path, f"{found}; {lacking}", f"install it, or {remedy}")
    found = f"is {kind}, damaged, encrypted or of a rare sort" if kind else f"is not audio that can be read ({reason})"
    return DataError(path, f"{found}; FFmpeg says: {reason_of_ffmpeg}", f"copy it again; or {remedy}")


def _look_through(data: Bytes) -> Layout:
    """Returns what a file consists of."""
    pieces: list[Piece] = []
    start = 0
    while True:
        layout = _look_at_one(data, start)
        if not pieces and not layout.rest:
            return layout
        pieces += layout.pieces or (Piece((Range(start, data.size),)),)
        if layout.lacking or layout.rest <= start:
            return Layout(tuple(pieces), layout.lacking)
        start = layout.rest


def _look_at_one(data: Bytes, start: int) -> Layout:
    """Returns what the file consists of that begins at ``start``; others may have been appended to it."""
    begin = skip_id3(data, start)
    head = data.at(begin, 16)
    readers: Sequence[tuple[bool, Callable[[Bytes, int], Layout]]] = (
        (chunked.is_kind(head), chunked.look_through),
        (head[:4] == b".snd", chunked.look_through_au),
        (head[:7] == b"NIST_1A", sphere.look_through),
        (head[:4] == b"fLaC", flac.look_through),
        (head[:4] == b"OggS", ogg.look_through),
    )
    layout = next((reader(data, begin) for is_this, reader in readers if is_this), None)
    if layout is None:
        is_other = bool(kind_of(data.at(begin, HEAD)))
        return Layout() if is_other else mpeg.look_through(data, start, data.size)
    if begin and not layout.pieces and not layout.lacking:
        return Layout((Piece((Range(begin, data.size),)),))
    return layout


def _stamp(path: Path) -> Stamp | None:
    status = find_file(path).stat()
    if status.st_size <= _SMALL:
        return None
    return path, status.st_size, status.st_mtime_ns, status.st_ctime_ns


@lru_cache(_REMEMBERED)
def _layout_remembered(stamp: Stamp) -> Layout:
    with open_file(stamp[0]) as file:
        return _look_through(Bytes(file))


@lru_cache(_REMEMBERED)
def _count_remembered(stamp: Stamp) -> int:
    return _count(stamp[0])


def _count(path: Path, stored: bytes | None = None) -> int:
    with open_sound(path, stored) as sound:
        for _ in sound.blocks():
            pass
        return sound.position
